"""What `sluice.bench` takes: videos in any form, prompts, and errors that name the argument."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402
from tiny_processor import TinyProcessor, moving_frames  # noqa: E402

QUICK = {"retain": [1.0], "new_tokens": 1, "repeats": 1, "warmup": 0}


@pytest.fixture(scope="module")
def family():
    return FAMILIES[0]


@pytest.fixture(scope="module")
def model(family):
    return family.build()


@pytest.fixture(scope="module")
def video():
    return moving_frames(4, 48, 48)


@pytest.mark.parametrize(
    "change, argument",
    [
        ({"retain": [0.5, 2.0]}, "retain"),
        ({"retain": [0.0]}, "retain"),
        ({"retain": 0.5}, "retain"),
        ({"retain": [float("nan")]}, "retain"),
        ({"new_tokens": 0}, "new_tokens"),
        ({"new_tokens": 1.5}, "new_tokens"),
        ({"repeats": 0}, "repeats"),
        ({"warmup": -1}, "warmup"),
        ({"baselines": ["random"]}, "baselines"),
        ({"baselines": "downsampling"}, "baselines"),
        ({"budget": 7}, "budget"),
        ({"tau": 3.0}, "tau"),
        ({"positions": "none"}, "positions"),
        ({"prompt": 7}, "prompt"),
        ({"processor": None}, "processor"),
        ({"model": torch.nn.Linear(1, 1)}, "model"),
        ({"video": np.zeros((4, 48, 48), np.uint8)}, "video"),
        ({"video": np.zeros((4, 3, 48, 48), np.uint8)}, "video"),
        ({"video": np.zeros((0, 48, 48, 3), np.uint8)}, "video"),
        ({"video": np.zeros((4, 48, 48, 3), np.float32)}, "video"),
        ({"video": [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)]}, "video"),
        ({"video": []}, "video"),
        ({"video": 7}, "video"),
        ({"video": "no-such-file.mp4"}, "video"),
    ],
)
def test_errors_name_the_argument(family, model, video, change, argument):
    arguments = {"model": model, "processor": TinyProcessor(family), "video": video, **change}
    with pytest.raises(sluice.InputError, match=f"^{argument}: "):
        sluice.bench(**arguments)


def test_a_model_that_is_being_pruned_is_an_error(family, model, video):
    with sluice.prune(model, retain=0.5):
        with pytest.raises(sluice.InputError, match="^model: .*being pruned already"):
            sluice.bench(model, TinyProcessor(family), video)


def test_a_prompt_without_video_is_an_error(family, model, video):
    def processor(text, videos, return_tensors, **options):
        return family.prompt(9)

    with pytest.raises(sluice.InputError, match="^prompt: has 0 videos"):
        sluice.bench(model, processor, video)


@pytest.mark.parametrize("form", ["tensor", "list", "list of tensors"])
def test_frames_come_in_any_form(family, model, video, form):
    forms = {
        "tensor": torch.from_numpy(video),
        "list": list(video),
        "list of tensors": list(torch.from_numpy(video)),
    }
    processor = TinyProcessor(family)
    sluice.bench(model, processor, forms[form], **QUICK)
    assert np.array_equal(processor.calls[0]["frames"], video)


def test_a_path_is_read_by_the_processor(family, model, video, tmp_path):
    processor = TinyProcessor(family)
    reader = processor.video_processor
    reader.do_sample_frames, reader.sample_frames = True, object()
    asked = []

    def fetch(path, sample_indices_fn):
        asked.append((path, sample_indices_fn))
        return torch.from_numpy(video).movedim(-1, 1), None

    reader.fetch_videos = fetch
    path = tmp_path / "video.mp4"
    path.touch()
    sluice.bench(model, processor, path, **QUICK)
    assert asked == [(str(path), reader.sample_frames)]
    assert np.array_equal(processor.calls[0]["frames"], video)
    assert all(call["do_sample_frames"] is False for call in processor.calls)


def test_the_chat_template_of_the_processor_is_used(family, model, video):
    processor = TinyProcessor(family)
    processor.chat_template = "{{ any }}"

    def apply(chat, tokenize, add_generation_prompt):
        (turn,) = chat
        assert (turn["role"], tokenize, add_generation_prompt) == ("user", False, True)
        assert [part["type"] for part in turn["content"]] == ["video", "text"]
        return f"user: <video>{turn['content'][1]['text']}assistant:"

    processor.apply_chat_template = apply
    sluice.bench(model, processor, video, prompt="Why?", **QUICK)
    assert processor.calls[0]["text"] == ["user: <video>Why?assistant:"]
    sluice.bench(model, processor, video, prompt="See <video>: why?", **QUICK)
    assert processor.calls[-1]["text"] == ["See <video>: why?"]
