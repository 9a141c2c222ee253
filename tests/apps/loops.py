"""Runs `sluice loop` on cameras made for tests, and plays the model's part over plain ZeroMQ."""

import json
import urllib.request

import numpy as np
import zmq

from blobs import Blob, blob, clip_blob, feature_message
from processes import DEADLINE_S, Running, wait_until

POSITIONS, WIDTH = 36, 16


def camera_file(folder, name="front", frames=40, seed=1, fps=20):
    """A recording of features on a 6 x 6 grid; returns its path."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((frames, POSITIONS, WIDTH)).astype(np.float32)
    path = folder / f"{name}.safetensors"
    path.write_bytes(clip_blob(features, pts=np.arange(frames, dtype=np.float64) / fps))
    return path


def write_config(folder, inputs, **keys):
    """`inputs`: the text of each [[input]] table; `keys`: the text of other tables, or values."""
    values = {"stream": "'arm'", "rate_hz": 50.0} | keys
    tables = {
        "link": "packets = 'tcp://127.0.0.1:*'\nfeedback = 'tcp://127.0.0.1:*'",
        "metrics": "listen = '127.0.0.1:0'",
        "budget": "tokens = 12",
    }
    for key in list(values):
        if "=" in str(values[key]):
            tables[key] = values.pop(key)
    lines = [f"{key} = {value}" for key, value in values.items()]
    lines += [f"[{name.replace('__', '.')}]\n{text}" for name, text in tables.items()]
    lines += [f"[[input]]\n{text}" for text in inputs]
    path = folder / "loop.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def camera_input(path, name="front", **keys):
    options = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f"id = '{name}'\nsource = '{path}'\nrepeat = true\n{options}"


class Loop(Running):
    """`sluice loop` in the background."""

    def __init__(self, config, *options, **keys):
        super().__init__("loop", "--config", config, *options, **keys)
        sending = self.wait_for(r"from (\S+), taking feedback on (\S+)")
        self.packets, self.feedback = sending[1], sending[2]
        self.url = self.wait_for(r"Metrics at (\S+)")[1]

    def metrics(self):
        """Values by name with labels, as on the page."""
        with urllib.request.urlopen(self.url, timeout=DEADLINE_S) as page:
            lines = page.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def feedback_of(self, fate):
        return self.metrics()[f'sluice_feedback_total{{fate="{fate}"}}']

    def wait_for_metric(self, name, at_least):
        wait_until(lambda: self.metrics()[name] >= at_least, f"{name} >= {at_least}", self)

    def wait_for_fate(self, fate, at_least=1):
        wait_until(lambda: self.feedback_of(fate) >= at_least, f"{fate} feedback", self)


class Model:
    """Plays the model: receives the newest packet, answers as the test wants."""

    def __init__(self, context, loop):
        self.packets = context.socket(zmq.SUB)
        self.packets.set(zmq.CONFLATE, 1)
        self.packets.subscribe(b"")
        self.packets.connect(loop.packets)
        self.feedback = context.socket(zmq.PUSH)
        self.feedback.connect(loop.feedback)

    def receive(self):
        return Blob(self.packets.recv())

    def send(self, message):
        self.feedback.send(message)

    def answer(self, packet, **keys):
        self.send(feedback_on(packet, **keys))


class Camera:
    """A live camera: sends frames of features."""

    def __init__(self, context, endpoint):
        self.socket = context.socket(zmq.PUSH)
        self.socket.connect(endpoint)
        self.rng = np.random.default_rng(5)
        self.frames = 0

    def send(self, positions=POSITIONS, width=WIDTH, **keys):
        features = self.rng.standard_normal((positions, width)).astype(np.float32)
        keys = {"source": "front", "sequence": self.frames} | keys
        self.socket.send(feature_message(features, 0.05 * self.frames, **keys))
        self.frames += 1


def feedback_on(packet, attention=None, latency_ms=5.0, tensors=None, **keys):
    """A feedback message on a packet; `keys` replace what it says."""
    arrays = {}
    for name, values in packet.arrays.items():
        source, column = name.split("/")
        if column != "key":
            continue
        share = np.full(len(values), 1 / max(len(values), 1), np.float32)
        if attention is not None:
            share = np.array([attention(source, key) for key in values], np.float32)
        arrays[f"{source}/semantic_attention"] = share
        arrays[f"{source}/action_attention"] = share
    metadata = {
        "sluice.message": "feedback",
        "sluice.schema": "1.1",
        "stream": packet.metadata["stream"],
        "tick": packet.metadata["tick"],
        "episode": packet.metadata["episode"],
        "sources": packet.metadata["sources"],
        "model_latency_ms": repr(latency_ms),
    }
    metadata |= {key: str(value) for key, value in keys.items()}
    return blob(arrays if tensors is None else tensors, metadata)


def tick_of(packet):
    return int(packet.metadata["tick"])


def ended(packet):
    return packet.metadata["end_of_stream"] == "true"


def without_wall_clock(message):
    """A packet's header and data, the wall-clock time of sending taken out: what replays repeat."""
    end = 8 + int.from_bytes(message[:8], "little")
    header = json.loads(message[8:end])
    header["__metadata__"].pop("sent_unix_ns", None)
    return json.dumps(header), message[end:]


def read_ticks(log):
    lines = (log / "ticks.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if "tick" in record]

