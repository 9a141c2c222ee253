"""Images in the prompt: left alone, or pruned as one frame each if asked for."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import generate  # noqa: E402
from tiny_models import END, FAMILIES, IMAGE, START  # noqa: E402


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def with_image(family, model):
    """A prompt with an image in front of a video, the image's first column, tokens and newlines."""
    video = family.prompt(3, family.clip(6), 4)
    random = torch.Generator().manual_seed(3)
    if family.mrope:
        pixels = torch.randn(4 * 8, 3 * 2 * 4 * 4, generator=random)
        image = {"pixel_values": pixels, "image_grid_thw": torch.tensor([[1, 4, 8]])}
        features = model.model.get_image_features(**image, return_dict=True).pooler_output
    else:
        pixels = torch.randn(1, 2, 3, 48, 48, generator=random)
        image = {"pixel_values": pixels, "image_sizes": torch.tensor([[48, 48]])}
        features = model.model.get_image_features(**image, return_dict=True).pooler_output
    count = sum(len(feature) for feature in features)
    placeholders = [IMAGE] * count
    front = [5, 6] + ([START, *placeholders, END] if family.mrope else placeholders)
    ids = torch.cat([torch.tensor([front]), video["input_ids"]], dim=1)
    inputs = {**video, **image, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if family.mrope:
        inputs["mm_token_type_ids"] = (ids == IMAGE).int() + (ids == 91).int() * 2
    newlines = 0 if family.mrope else int((features[0] == model.model.image_newline).all(1).sum())
    return inputs, 3 if family.mrope else 2, count, newlines


def test_left_alone_by_default(family, model):
    inputs, start, count, _ = with_image(family, model)
    with sluice.prune(model, retain=0.25) as pruning:
        generate(model, inputs)
    (prompt,) = pruning.prompts
    assert [visual.kind for visual in prompt.visuals] == ["video"]
    kept = set(prompt.columns.tolist())
    assert set(range(start, start + count)) <= kept


def test_pruned_if_asked_for(family, model):
    inputs, start, count, newlines = with_image(family, model)
    if not family.mrope:
        assert newlines > 0
    with sluice.prune(model, retain=0.25, images=True) as pruning:
        generate(model, inputs)
    (prompt,) = pruning.prompts
    image, video = prompt.visuals
    assert (image.kind, image.frames, image.positions) == ("image", 1, count - newlines)
    assert (image.start, image.stop) == (start, start + count)
    assert video.kind == "video"
    inside = (prompt.columns >= start) & (prompt.columns < start + count)
    assert int(inside.sum()) == round(0.25 * (count - newlines)) + newlines
    clip = family.clip(6)
    assert video.reduction.kept == min(round(0.25 * clip.tokens), video.reduction.available)


def test_an_image_alone(family, model):
    inputs, start, count, _ = with_image(family, model)
    stop = start + count + (1 if family.mrope else 0)
    alone = {
        name: (
            value[:, :stop]
            if name in ("input_ids", "attention_mask", "mm_token_type_ids")
            else value
        )
        for name, value in inputs.items()
        if name not in ("pixel_values_videos", "video_grid_thw")
    }
    whole = generate(model, alone)
    with sluice.prune(model, retain=0.25) as pruning:
        out = generate(model, alone)
    assert pruning.prompts == ()
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))
    with sluice.prune(model, retain=0.25, images=True) as pruning:
        generate(model, alone)
    assert [visual.kind for visual in pruning.prompts[0].visuals] == ["image"]
