"""Hooks on a decoder: what enters it is pruned, and its cache is kept in step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers.cache_utils import Cache, DynamicCache

from ..errors import InputError
from .adapter import Adapter, Noted
from .cache_bookkeeping import attach, ledger_of, open_ledger
from .call import Call, Stretch
from .inner_stages import InnerStage
from .positions import compacted, given_ids
from .prompt_pruning import SpanRule, kept_columns, prune_spans, take
from .visual_spans import VisualSpan

Positions = Literal["original", "compacted"]


@dataclass(frozen=True)
class Settings:
    reducer: Callable[[], SpanRule] | None
    """Makes one per call; None leaves prompts whole."""
    positions: Positions
    images: bool
    stages: dict[int, InnerStage]


class _Running(threading.local):
    call: Call | None = None


class DecoderHooks:
    """For one model inside `with sluice.prune(...)`."""

    def __init__(
        self, adapter: Adapter, settings: Settings, report: Callable[[Call], None]
    ) -> None:
        self._adapter = adapter
        self._decoder = adapter.decoder
        self._settings = settings
        self._report = report
        self._noted = Noted()
        self._running = _Running()

    @property
    def call(self) -> Call | None:
        """What is under way on this thread, if something visual is in it or was before it."""
        return self._running.call

    def install(self, model: nn.Module) -> list[RemovableHandle]:
        handles = [
            model.register_forward_pre_hook(self._start, with_kwargs=True),
            *self._adapter.watch(self._noted),
            self._decoder.register_forward_pre_hook(self._enter, with_kwargs=True),
            self._decoder.register_forward_hook(self._leave, with_kwargs=True, always_call=True),
        ]
        for index, layer in enumerate(self._decoder.layers):
            hook = _with_index(self._enter_layer, index)
            handles.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
        return handles

    def _start(self, model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self._noted.inputs = None
        if kwargs.get("labels") is not None:
            raise InputError("labels: are given; expected None: a pruned prompt has other rows")

    def _enter(
        self, decoder: nn.Module, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[tuple, dict[str, Any]] | None:
        inputs = self._noted.take()
        cache = kwargs.get("past_key_values")
        ledger = ledger_of(cache)
        if inputs is None and ledger is None:
            return None
        embeds = _embeds(decoder, args, kwargs)
        seen = int(cache.get_seq_length()) if cache is not None else 0
        ids = given_ids(kwargs.get("position_ids"), seen, embeds)
        spans = []
        if inputs is not None:
            spans = self._adapter.spans(inputs, embeds, ids, self._settings.images)
        if not spans and ledger is None:
            return None
        if cache is None and _uses_cache(decoder, kwargs):
            cache = DynamicCache(config=decoder.config)
        mask = _padding(kwargs.get("attention_mask"), seen + embeds.shape[1], embeds.device)
        call, embeds, ids = self._prune(embeds, ids, mask, cache, spans)

        self._running.call = call
        if cache is not None:
            attach(cache, call.ledger)
        call.ledger.inside = True
        return (), {
            **kwargs,
            "input_ids": None,
            "inputs_embeds": embeds,
            "position_ids": ids[0] if len(ids) == 1 else ids,
            "attention_mask": call.padding_mask(),
            "past_key_values": cache,
        }

    def _prune(
        self,
        embeds: torch.Tensor,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Cache | None,
        spans: list[VisualSpan],
    ) -> tuple[Call, torch.Tensor, torch.Tensor]:
        """The call, and of its embeddings [B,L,D] and position ids [A,B,L] what is left."""
        batch, given = embeds.shape[:2]
        ledger = open_ledger(cache, (0, *self._settings.stages), batch, embeds.device)
        reducer = self._settings.reducer
        embeds, gone, pruned = prune_spans(embeds, spans, None if reducer is None else reducer())
        shift = ledger.shift
        if self._settings.positions == "compacted":
            ids, shift = compacted(ids, gone, spans, shift)
        seen = ledger.seen
        columns = torch.arange(seen, seen + given, device=embeds.device).expand(batch, -1)
        call = Call(cache, ledger, seen, given, mask, [columns], [], pruned, shift)
        call.stretches = [Stretch(s.row, s.start, s.stop, 0) for s in spans]
        chosen = call.keep(kept_columns(gone, None if mask is None else mask[:, -given:]))
        call.stretches = [replace(stretch, first=len(stretch)) for stretch in call.stretches]
        return call, take(embeds, chosen), torch.stack([take(axis, chosen) for axis in ids])

    def _enter_layer(
        self, index: int, layer: nn.Module, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[tuple, dict[str, Any]] | None:
        call = self._running.call
        if call is None:
            return None
        hidden, *rest = args
        if call.embeddings is None:
            call.embeddings = kwargs["position_embeddings"]
        if (stage := self._settings.stages.get(index)) is not None:
            hidden = call.enter_level(stage, self._decoder.layers, self._decoder.config, hidden)
        following = self._settings.stages.get(index + 1)
        if following is not None and following.looks_at == index:
            call.before[index] = hidden, call.embeddings
        # Rotary embeddings are made already. Attention kernels read ids for one thing only: gaps in
        # them as borders of packed sequences, which the gaps of pruned tokens are not.
        if "position_ids" in kwargs:
            kwargs["position_ids"] = None
        if call.level > 0:
            kwargs["position_embeddings"] = call.embeddings
            kwargs["attention_mask"] = call.attention_mask
        return (hidden, *rest), kwargs

    def _leave(self, decoder: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        call, self._running.call = self._running.call, None
        if call is None:
            return
        call.ledger.inside = False
        if output is None:  # The decoder raised.
            return
        if call.cache is not None:
            call.ledger.append(call.columns, call.given, call.shift)
        if call.stretches:
            self._report(call)


def _with_index(hook: Callable, index: int) -> Callable:
    return lambda layer, args, kwargs: hook(index, layer, args, kwargs)


def _embeds(decoder: nn.Module, args: tuple, kwargs: dict[str, Any]) -> torch.Tensor:
    if (embeds := kwargs.get("inputs_embeds")) is not None:
        return embeds
    return decoder.get_input_embeddings()(args[0] if args else kwargs["input_ids"])


def _uses_cache(decoder: nn.Module, kwargs: dict[str, Any]) -> bool:
    wanted = kwargs.get("use_cache")
    return bool(decoder.config.use_cache if wanted is None else wanted)


def _padding(mask: Any, length: int, device: torch.device) -> torch.Tensor | None:
    """[B,length] bool, or None where nothing is masked."""
    if mask is None:
        return None
    if not isinstance(mask, torch.Tensor) or mask.ndim != 2:
        raise InputError(
            "attention_mask: is made for one attention already; expected one of two dimensions "
            "(with a dynamic cache: cache_implementation=None)"
        )
    if mask.shape[1] != length:
        raise InputError(
            f"attention_mask: has {mask.shape[1]} columns; expected {length}, for all tokens that "
            "were given so far, pruned ones included"
        )
    return None if bool((mask != 0).all()) else (mask != 0).to(device)
