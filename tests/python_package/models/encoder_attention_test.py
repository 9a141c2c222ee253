"""attention="encoder": tokens are ranked by what an eager vision tower's own maps say."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import decoder_calls, generate  # noqa: E402
from images_test import with_image  # noqa: E402
from restore_test import state  # noqa: E402
from sluice.adapters import adapter_for, encoder_attention  # noqa: E402
from tiny_models import FAMILIES, llava_next_video, llava_onevision, qwen2_5_vl  # noqa: E402
from tiny_vla import tiny_vla  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

maps = []


def recording(module, query, key, value, attention_mask, scaling=None, **_):
    """Eager attention in double, which leaves its maps [1,heads,T,T] behind."""
    scores = query.double() @ key.double().mT * scaling
    maps.append(scores.softmax(-1))
    return (maps[-1] @ value.double()).to(value).transpose(1, 2), None


@pytest.fixture(scope="module", autouse=True)
def register():
    ALL_ATTENTION_FUNCTIONS.register("recording", recording)
    ALL_ATTENTION_FUNCTIONS.register("another_kernel", recording)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def features_of(model, clip):
    """[F,S,D] of each video: newlines are not in it."""
    with torch.no_grad():
        args = (clip.pixels,) if clip.grid is None else (clip.pixels, clip.grid)
        output = model.model.get_video_features(*args, return_dict=True).pooler_output
    return [video[: clip.tokens].unflatten(0, (clip.frames, clip.positions)) for video in output]


def by_maps(model, clip, layer=-1):
    """[F,S] of one video, from maps of an eager model with the same weights."""
    if clip.grid is not None:
        return of_blocks(model, clip)
    model.model.vision_tower.set_attn_implementation("eager")
    with torch.no_grad():
        frames = clip.pixels[0]
        attention = model.model.vision_tower(frames, output_attentions=True).attentions[layer]
    received = attention.double().mean(1).mean(1)
    patches = received[:, -36:].view(-1, 6, 6)  # A class token is in front, or none.
    if hasattr(model.model, "vision_resampler"):
        tokens = torch.zeros(len(frames), 3, 3, dtype=torch.float64)
        for row in range(6):
            for column in range(6):
                tokens[:, row // 2, column // 2] += patches[:, row, column] / 4
    else:  # By two, between the two middle patches of each side.
        tokens = torch.nn.functional.interpolate(patches[:, None], size=(3, 3), mode="bilinear")
    return tokens.reshape(len(frames), 9)


def of_blocks(model, clip):
    visual = model.model.visual
    visual.set_attn_implementation("recording")
    maps.clear()
    features_of(model, clip)
    frames, rows, columns = clip.grid[0].tolist()
    received = torch.stack([m[0].mean(0).mean(0) for m in maps[-frames:]])
    tokens = received.view(frames, -1, 4).mean(2)
    if not hasattr(visual, "window_size"):
        return tokens
    placed = torch.zeros_like(tokens)  # Window by window, each of 2 x 2 tokens.
    token = 0
    for window_row in range(0, rows // 2, 2):
        for window_column in range(0, columns // 2, 2):
            for row in range(window_row, min(window_row + 2, rows // 2)):
                for column in range(window_column, min(window_column + 2, columns // 2)):
                    placed[:, row * (columns // 2) + column] = tokens[:, token]
                    token += 1
    return placed


def ranking(model, clip):
    """What the hooks make of a clip."""
    attention = adapter_for(model).encoder_attention(images=False)
    handles = attention.install()
    found = [attention(video) for video in features_of(model, clip)]
    for handle in handles:
        handle.remove()
    return found


def with_towers(family, implementation):
    model = family.build()
    tower = model.model.visual if family.mrope else model.model.vision_tower
    tower.set_attn_implementation(implementation)
    return model


@pytest.mark.parametrize("implementation", ["eager", "sdpa", "another_kernel"])
def test_attention_is_that_of_the_maps(family, implementation):
    clip = family.clip(6)
    (found,) = ranking(with_towers(family, implementation), clip)
    expected = by_maps(family.build(), clip, -2 if family.name == "llava_next_video" else -1)
    assert found.dtype == torch.float32
    assert expected.std() > 1e-3 * expected.mean()
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-7)


def test_windows_of_many_shapes():
    vision_utils = pytest.importorskip("transformers.vision_utils")
    model = qwen2_5_vl()
    attention = adapter_for(model).encoder_attention(images=False)
    for side, rows, columns in [(16, 3, 5), (16, 1, 1), (24, 7, 4), (32, 4, 8), (64, 2, 3)]:
        model.model.visual.window_size = side
        grid = torch.tensor([[1, 2 * rows, 2 * columns]])
        expected, _ = vision_utils.get_vision_window_index(grid, 2, side, 4)
        assert torch.equal(attention._order(rows, columns), expected)


@pytest.mark.parametrize("limit", [1, 150, 1000])
def test_a_few_rows_at_a_time_are_the_same(monkeypatch, limit):
    torch.manual_seed(3)
    queries, keys = torch.randn(2, 3, 25, 8)
    expected = (queries.double() @ keys.double().mT / 2).softmax(-1).mean((0, 1))
    sizes = []
    softmax = torch.Tensor.softmax

    def noted(scores, *args):
        sizes.append(scores.numel())
        return softmax(scores, *args)

    monkeypatch.setattr(torch.Tensor, "softmax", noted)
    monkeypatch.setattr(encoder_attention, "_WEIGHTS_AT_ONCE", limit)
    received = encoder_attention.received_attention(queries, keys, 0.5)
    assert max(sizes) <= max(limit, 3 * 25)  # One row of every head at least.
    torch.testing.assert_close(received.double(), expected, rtol=1e-5, atol=0)


def kept(pruning):
    """Per row and video, which tokens were kept."""
    return [
        [
            (*v.reduction.tokens.frame.tolist(), *v.reduction.tokens.position.tolist())
            for v in p.visuals
        ]
        for p in pruning.prompts
    ]


def pruned(model, inputs, attention, **options):
    with sluice.prune(model, retain=0.3, attention=attention) as pruning:
        out = generate(model, inputs, tokens=2, **options)
    return kept(pruning), torch.cat(out.logits)


def oracle(family, model, *clips):
    """As a function of features, for the clips of a prompt."""
    layer = -2 if family.name == "llava_next_video" else -1
    known = [(features_of(model, c)[0], by_maps(family.build(), c, layer)) for c in clips]

    def attention(features):
        (scores,) = [scores for video, scores in known if torch.equal(video, features)]
        return scores

    return attention


@pytest.mark.parametrize("options", [{}, {"num_beams": 2}])
def test_videos_and_rows_each_have_their_own(family, model, options):
    a, b, c, d = (family.clip(6, seed=seed) for seed in range(4))
    inputs = family.batch(family.prompt(5, a, 3, b, 4), family.prompt(2, c, 7, d, 2))
    tokens, logits = pruned(model, inputs, "encoder", **options)
    expected = pruned(model, inputs, oracle(family, model, a, b, c, d), **options)
    assert tokens == expected[0]
    assert torch.equal(logits, expected[1])
    assert tokens != pruned(model, inputs, None, **options)[0]  # Features choose others.


def test_one_forward_without_generate(family, model):
    a, b = family.clip(6, seed=1), family.clip(6, seed=2)
    inputs = family.prompt(5, a, 3, b, 4)
    expected, _ = pruned(model, inputs, oracle(family, model, a, b))
    with torch.no_grad(), sluice.prune(model, retain=0.3, attention="encoder") as pruning:
        for _ in range(2):
            model(**inputs)
    assert kept(pruning) == expected


def test_a_video_of_a_later_turn(family, model):
    """Features are made by the caller, inside the block."""
    first, second = family.clip(6), family.clip(6, seed=5)
    both = family.prompt(5, first, 7, second, 3)
    start = 5 + first.tokens + first.newlines + 2 * family.mrope
    opening = family.prompt(5, first)
    for name in ("input_ids", "attention_mask"):
        opening[name] = both[name][:, :start]
    with sluice.prune(model, retain=0.3, attention="encoder") as pruning:
        out = generate(model, opening, tokens=1)
        later = family.later_video(model, both, second)
        generate(model, later, tokens=1, past_key_values=out.past_key_values)
    expected = pruned(model, family.prompt(second), oracle(family, model, second))[0]
    assert kept(pruning) == expected


def test_videos_of_different_length():
    family = FAMILIES[3]
    model = family.build()
    a, b = family.clip(6, seed=1), family.clip(4, seed=2)
    inputs = family.prompt(5, a, 3, b, 4)
    tokens, _ = pruned(model, inputs, "encoder")
    assert tokens == pruned(model, inputs, oracle(family, model, a, b))[0]


def test_not_a_number_in_a_frame(family, model):
    clip = family.clip(6)
    clip.pixels = clip.pixels.clone()
    clip.pixels.view(-1)[0] = float("nan")
    tokens, _ = pruned(model, family.prompt(5, clip, 4), "encoder")
    assert len(tokens[0][0]) == 2 * round(0.3 * clip.tokens)


@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16, torch.float64])
def test_types(family, type):
    model = family.build().to(type)
    clip = family.clip(6)
    clip.pixels = clip.pixels.to(type)
    (found,) = ranking(model, clip)
    assert found.dtype == torch.float32
    assert bool(found.isfinite().all())
    inputs = family.prompt(5, clip, 4)
    assert len(pruned(model, inputs, "encoder")[0][0][0]) == 2 * round(0.3 * clip.tokens)


@pytest.mark.parametrize("build", [llava_onevision, llava_next_video])
@pytest.mark.parametrize(
    "layers, used", [(-1, -1), (1, 0), (2, 1), (-2, 0), ([1, 2], 1), ([-2, -3], 0)]
)
def test_the_last_layer_that_features_come_from(build, layers, used):
    family = next(f for f in FAMILIES if f.build is build)
    model = build()
    model.config.vision_feature_layer = layers
    if isinstance(layers, list):
        wider = torch.nn.Linear(64, 64)
        model.model.multi_modal_projector.linear_1 = wider
    clip = family.clip(3)
    (found,) = ranking(model, clip)
    torch.testing.assert_close(found.double(), by_maps(build(), clip, used), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("mode", ["average", "max", "conv"])
def test_every_pooling_of_llava_next_video(mode):
    model = llava_next_video()
    config = model.config
    config.spatial_pool_mode = mode
    config.spatial_pool_out_channels = 32
    model.model.vision_resampler = type(model.model.vision_resampler)(config)
    clip = FAMILIES[1].clip(3)
    (found,) = ranking(model, clip)
    layer = adapter_for(model).encoder_attention(False)._attention
    assert layer is model.model.vision_tower.encoder.layers[-2 + 1 - 1].self_attn
    expected = by_maps(llava_next_video(), clip, -2)
    if mode != "max":
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-7)
    else:
        assert bool((found > expected).all())


def test_an_image_beside_the_video(family, model):
    inputs, *_ = with_image(family, model)
    tokens, _ = pruned(model, inputs, "encoder")
    assert tokens == pruned(model, inputs, oracle(family, model, family.clip(6)))[0]


def test_images_of_qwen():
    family = FAMILIES[3]
    model = family.build()
    image = family.clip(1)
    inputs = family.prompt(5, image, 4)
    inputs["input_ids"][inputs["input_ids"] == 91] = 90
    inputs["pixel_values"] = inputs.pop("pixel_values_videos")
    inputs["image_grid_thw"] = inputs.pop("video_grid_thw")
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == 90).int()
    with sluice.prune(model, retain=0.5, attention="encoder", images=True) as pruning:
        generate(model, inputs, tokens=1)
    top = by_maps(family.build(), image)[0].topk(3).indices.sort().values
    assert pruning.prompts[0].visuals[0].reduction.tokens.position.tolist() == top.tolist()


def test_everything_is_restored_and_forgotten(family, model):
    before = state(model)
    with sluice.prune(model, retain=0.3, attention="encoder") as pruning:
        assert state(model) != before
        generate(model, family.prompt(5, family.clip(6), 4), tokens=1)
        assert len(pruning._encoder._seen.frames) > 0
    after = state(model)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)
    assert after == before
    assert pruning._encoder._seen.frames == []


def test_a_prompt_of_the_past_takes_no_memory(family, model):
    with sluice.prune(model, retain=0.3, attention="encoder") as pruning:
        for seed in range(3):
            generate(model, family.prompt(5, family.clip(6, seed), 4), tokens=1)
            assert len(pruning._encoder._seen.frames) == 1


def test_at_one_nothing_is_hooked(family, model):
    inputs = family.prompt(5, family.clip(6), 4)
    whole = generate(model, inputs)
    before = state(model)
    with sluice.prune(model, retain=1.0, attention="encoder"):
        after = state(model)
        out = generate(model, inputs)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)
    assert after == before
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))


def test_features_from_elsewhere_are_an_error(family, model):
    clip = family.clip(6)
    inputs = family.prompt(5, clip, 4)
    outside = family.later_video(model, inputs, clip)
    if not family.mrope:
        with torch.no_grad():
            features = model.model.get_video_features(outside.pop("pixel_values_videos"))
        outside["mm_encoder_outputs"] = {"video": features}
    with sluice.prune(model, retain=0.3, attention="encoder"):
        with pytest.raises(sluice.InputError, match="^attention: .*did not make these 6 x"):
            generate(model, outside)
        generate(model, inputs)


def test_names(model):
    with pytest.raises(sluice.InputError, match="^attention: is 'decoder'; expected 'encoder'"):
        sluice.prune(model, attention="decoder")
    with pytest.raises(sluice.InputError, match="^attention: .*vision tower is not known"):
        sluice.prune(tiny_vla(), attention="encoder")


def test_images_of_llava_are_an_error():
    with pytest.raises(sluice.InputError, match="^attention: .*expected images=False"):
        sluice.prune(llava_onevision(), attention="encoder", images=True)


def test_towers_without_such_a_layer_are_an_error():
    model = llava_onevision()
    model.config.vision_feature_layer = 0
    with pytest.raises(sluice.InputError, match="^attention: .*hidden state 0 of a Siglip"):
        sluice.prune(model, attention="encoder")
    model.config.vision_feature_layer = -1
    model.model.vision_tower.encoder.layers[-1].self_attn = torch.nn.Identity()
    with pytest.raises(sluice.InputError, match="^attention: .*expected the output of a layer"):
        sluice.prune(model, attention="encoder")
    model = qwen2_5_vl()
    model.model.visual.fullatt_block_indexes = [7]
    with pytest.raises(sluice.InputError, match="^attention: .*windows only"):
        sluice.prune(model, attention="encoder")
