"""What the tests of the command share: a small sample, and endpoints nobody else uses."""

import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest
import zmq

from processes import DEADLINE_S, sluice

SAMPLE_FPS = 10
SAMPLE_FRAMES = 20
LONG_FRAMES = 4000


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A rendered recording of 20 frames at 10 fps."""
    folder = tmp_path_factory.mktemp("sample")
    seconds = SAMPLE_FRAMES // SAMPLE_FPS
    sluice("sample", "-o", folder, "--seconds", seconds, "--fps", SAMPLE_FPS, "--width", 320,
           "--height", 240)  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def video(sample):
    return sample / "video.mp4"


@pytest.fixture(scope="session")
def long_video(video, tmp_path_factory):
    """It takes seconds to reduce, far longer than a test needs to interrupt that."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    ffmpeg("-stream_loop", LONG_FRAMES // SAMPLE_FRAMES - 1, "-i", video, "-c", "copy", path)
    return path


@pytest.fixture
def socket_folder():
    """A folder with a short name: ipc endpoints have room for 107 bytes."""
    folder = tempfile.mkdtemp(prefix="sluice-")
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


@pytest.fixture(params=["tcp", "ipc"])
def any_endpoint(request, socket_folder):
    """Where a sender can listen, over each transport; it prints where it really is."""
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{socket_folder}/packets"


@pytest.fixture
def endpoint():
    return "tcp://127.0.0.1:*"


@pytest.fixture
def ipc_endpoint(socket_folder):
    return f"ipc://{socket_folder}/packets"


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def zeromq():
    """A context whose sockets never wait forever and never keep a test from ending."""
    context = zmq.Context()
    context.setsockopt(zmq.RCVTIMEO, DEADLINE_S * 1000)
    context.setsockopt(zmq.SNDTIMEO, DEADLINE_S * 1000)
    context.setsockopt(zmq.LINGER, 0)
    yield context
    context.destroy(linger=0)


def ffmpeg(*arguments):
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the ffmpeg program")
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr


def ffprobe_times(path):
    """The time of every frame that the reference decoder finds, in seconds."""
    if shutil.which("ffprobe") is None:
        pytest.skip("needs the ffprobe program")
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-of", "csv=p=0"]
    command += ["-show_entries", "frame=best_effort_timestamp_time", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [float(line.strip(",")) for line in done.stdout.split()]
