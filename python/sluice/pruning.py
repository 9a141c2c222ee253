"""`with sluice.prune(model): model.generate(...)`, for models of Hugging Face transformers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from .errors import InputError
from .reduction import HolitomParameters, Reduction
from .schedules import GateSchedule
from .tensors import Array

if TYPE_CHECKING:
    from torch import Tensor, nn

_pruned_models: WeakSet = WeakSet()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class PrunedVisual:
    """A video or an image of a prompt, and what became of it."""

    kind: Literal["video", "image"]
    start: int
    """Column of its first token, among all tokens given to the model so far."""
    stop: int
    """One after the column of its last token, newlines included."""
    frames: int
    positions: int
    """Tokens per frame."""
    reduction: Reduction
    """`frame` and `position` of its tokens say where they come from."""


@dataclass(frozen=True, eq=False)
class PrunedPrompt:
    """One row of the last prompt."""

    columns: Array
    """[n] int64, ascending: which of the tokens given to the model so far entered the decoder."""
    inner_columns: dict[int, Array]
    """The same from a layer on, for `inner_layer` and the layers of `stages`."""
    visuals: tuple[PrunedVisual, ...]


class Pruning:
    """A model whose prompts are pruned while the context is open. Made by `prune`."""

    def __init__(self, model: nn.Module, adapter: Any, settings: Any, encoder: Any) -> None:
        self._model = model
        self._adapter = adapter
        self._settings = settings
        self._encoder = encoder
        self._handles: list[Any] = []
        self.prompts: tuple[PrunedPrompt, ...] = ()
        """The last prompt with something visual in it, per row of the batch."""

    def __enter__(self) -> Pruning:
        self._claim()
        try:
            if self._settings.reducer is not None or self._settings.stages:
                self._watch()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _claim(self) -> None:
        with _lock:
            if self._model in _pruned_models:
                raise InputError(
                    f"model: this {type(self._model).__name__} is being pruned already; expected "
                    "one sluice.prune at a time"
                )
            _pruned_models.add(self._model)

    def _watch(self) -> Any:
        """Puts the hooks into the model; those of its decoder."""
        from .adapters.decoder_hooks import DecoderHooks

        hooks = DecoderHooks(self._adapter, self._settings, self._report)
        self._handles = hooks.install(self._model)
        if self._settings.reducer is not None and self._encoder is not None:
            encoder = self._encoder
            self._handles += encoder.install()
            done = self._model.register_forward_hook(lambda *_: encoder.prompt_done())
            self._handles.append(done)
        return hooks

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        with _lock:
            _pruned_models.discard(self._model)

    def _report(self, call: Any) -> None:
        levels = [_real(columns) for columns in call.columns]
        layers = call.ledger.starts
        self.prompts = tuple(
            PrunedPrompt(
                columns,
                {layer: levels[level][row] for level, layer in enumerate(layers) if level > 0},
                tuple(_visual(p, call.seen) for p in call.pruned if p.span.row == row),
            )
            for row, columns in enumerate(levels[0])
        )


def prune(
    model: nn.Module,
    retain: float = 0.10,
    tau: float = 0.80,
    budget: int | None = None,
    *,
    beta: float = 0.6,
    plain_mean: bool = False,
    knn: int = 7,
    contextual: float = 0.0,
    max_window: int = 1024,
    rounding: Literal["exact", "parity"] = "exact",
    positions: Literal["original", "compacted"] = "original",
    order: Literal["spatial", "static-first"] = "spatial",
    images: bool = False,
    attention: Callable[[Tensor], Tensor | None] | Literal["encoder"] | None = None,
    inner_retain: float | None = None,
    inner_layer: int | None = None,
    stages: GateSchedule | str | Sequence[tuple[int, float]] | None = None,
) -> Pruning:
    """Prunes the videos of the prompts that a model gets within a `with` block.

        with sluice.prune(model, retain=0.10):
            model.generate(**inputs)

    Of each video of F frames and S tokens per frame, exactly
    `min(round(retain * F * S), available)` tokens enter the language model, or `budget`; newline
    tokens and text stay. The model's weights and code are not touched; leaving the block leaves the
    model as it was. Positions, masks and the key-value cache are kept in step: batches, several
    videos, later turns with the same cache, and beam search work as without pruning.

    Tokens are ranked by their features unless `attention` is given, so every attention
    implementation works. Features are reduced on the CPU wherever the model runs.

    Args:
        model: LlavaOnevisionForConditionalGeneration, LlavaNextVideoForConditionalGeneration,
            Qwen2VLForConditionalGeneration, Qwen2_5_VLForConditionalGeneration, or an OpenVLA-style
            model: `projector`, and a `language_model` of Llama's shape.
        retain: share of each video's tokens, in (0, 1]. At 1.0 the prompt is left alone, and
            nothing is merged.
        positions: `original`: every token keeps the position ids it would have without pruning,
            and so does what follows. `compacted`: ids without the gaps of tokens that went.
        order: `spatial`: kept tokens in the order of the prompt. `static-first`: a segment's
            merged tokens first, as the published code has it; for `compacted` only.
        images: prune images, too, each as a video of one frame.
        attention: `encoder`: the attention that tokens received in the vision tower's last used
            layer ranks them, computed from its queries and keys. Or a function that is called with
            the features [F,S,D] of each video, and returns what ranks its tokens, [F,S], or None.
        inner_retain: HoliTom's inner merge: share of what is left of each video (newlines
            included) that goes on from layer `inner_layer` on. Published: 0.5 from layer 18.
        inner_layer: counted from 0; at least 1.
        stages: AdaToken-3D's gates: a GateSchedule, the name of a preset, or pairs of a layer and
            the share of what entered the decoder that goes on from there.

    The other arguments are those of HolitomParameters. Raises InputError naming the argument, here
    or, for what a call gives to the model, in the call.
    """
    parameters = HolitomParameters(
        retain, tau, budget, beta, plain_mean, knn, contextual, max_window, rounding
    )
    _check_choice("positions", positions, ("original", "compacted"))
    _check_choice("order", order, ("spatial", "static-first"))
    if order == "static-first" and positions == "original":
        raise InputError("order: is 'static-first'; expected 'spatial' with original positions")

    try:
        from .adapters import adapter_for
        from .adapters.decoder_hooks import Settings
        from .adapters.inner_stages import inner_stages
        from .adapters.prompt_pruning import SpanReducer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"sluice.prune needs PyTorch and transformers 5: {error}", name=error.name
        ) from error

    adapter = adapter_for(model)
    encoder = None
    if isinstance(attention, str):
        if attention != "encoder":
            raise InputError(f"attention: is {attention!r}; expected 'encoder', a function or None")
        attention = encoder = adapter.encoder_attention(images)
    whole = parameters.retain == 1 and budget is None
    reducer = None if whole else functools.partial(SpanReducer, parameters, order, attention)
    inner = inner_stages(adapter.decoder.layers, inner_retain, inner_layer, stages)
    return Pruning(model, adapter, Settings(reducer, positions, images, inner), encoder)


def _check_choice(name: str, value: str, choices: tuple[str, str]) -> None:
    if value not in choices:
        raise InputError(f"{name}: is {value!r}; expected {choices[0]!r} or {choices[1]!r}")


def _real(columns: Any) -> list[Any]:
    """Per row, without padding."""
    return [row[row >= 0] for row in columns]


def _visual(pruned: Any, seen: int) -> PrunedVisual:
    span = pruned.span
    return PrunedVisual(
        span.kind,
        seen + span.start,
        seen + span.stop,
        span.frames,
        span.positions,
        pruned.reduction,
    )
