"""Writes feature files and messages, and reads tokens and packets, with the safetensors library."""

import json
import pathlib

import numpy as np
import safetensors
from safetensors.numpy import save

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1"}


class Blob:
    """A safetensors file or message: `types` and `arrays` by name, and `metadata`.

    NumPy has no bfloat16: such tensors are f32 here, with "BF16" in `types`.
    """

    def __init__(self, source):
        self.bytes = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
        self.types, self.arrays = {}, {}
        for name, tensor in safetensors.deserialize(self.bytes):
            self.types[name] = tensor["dtype"]
            self.arrays[name] = _array(tensor)
        length = int.from_bytes(self.bytes[:8], "little")
        self.metadata = json.loads(self.bytes[8 : 8 + length]).get("__metadata__", {})

    def __getitem__(self, name):
        return self.arrays[name]

    def count(self, key):
        return int(self.metadata[key])


def _array(tensor):
    data, shape = bytes(tensor["data"]), tensor["shape"]
    if tensor["dtype"] != "BF16":
        return np.frombuffer(data, TYPES[tensor["dtype"]]).reshape(shape)
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)


def blob(tensors, metadata=None):
    """Bytes of a safetensors blob."""
    return save({n: np.ascontiguousarray(array) for n, array in tensors.items()}, metadata)


def clip_blob(features, dtype="F32", **tensors):
    """A recording of features, stored as `dtype`."""
    if dtype != "BF16":
        return blob({"features": features.astype(TYPES[dtype]), **tensors})
    # NumPy can't say bfloat16: its bits go in as U16, and the header is renamed.
    bits = (np.ascontiguousarray(features, "<f4").view("<u4") >> 16).astype("<u2")
    stored = blob({"features": bits, **tensors})
    length = int.from_bytes(stored[:8], "little")
    header = stored[8 : 8 + length].replace(b'"U16"', b'"BF16"')
    return len(header).to_bytes(8, "little") + header + stored[8 + length :]


def random_clip(frames=6, positions=12, width=8, calm=0.5, seed=1):
    """Features [F,S,D] in which a share `calm` of the positions hardly changes."""
    rng = np.random.default_rng(seed)
    clip = rng.standard_normal((frames, positions, width)).astype(np.float32)
    still = int(calm * positions)
    clip[:, :still] = clip[0, :still] + 0.05 * clip[:, :still]
    return clip


def feature_message(features, pts, **keys):
    """One frame, as docs/packet.md specifies it."""
    metadata = {"sluice.message": "features", "sluice.schema": "1.0", "pts": repr(float(pts))}
    return blob({"features": features}, metadata | {k: str(v) for k, v in keys.items()})


END_OF_FEATURES = blob(
    {}, {"sluice.message": "features", "sluice.schema": "1.0", "end_of_stream": "true"}
)


def tensors_of(packet):
    """A packet's tensors by name, without their source."""
    return {name.split("/")[1]: array for name, array in packet.arrays.items()}


def read_packets(folder):
    """What `sluice recv -o` wrote, in order."""
    return [Blob(path) for path in sorted(pathlib.Path(folder).glob("packet-*.safetensors"))]
