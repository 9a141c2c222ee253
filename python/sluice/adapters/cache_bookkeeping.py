"""Two lengths of one key-value cache: of the prompt that was given, and of what is left of it.

`generate()` counts in the tokens it handed over: it slices ids and masks by the cache's length. The
decoder counts in the tokens that the cache holds. So a cache with a pruned prompt answers the first
outside the decoder and the second inside, and knows for each entry which given token it was.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, StaticLayer

from ..errors import InputError

PADDING = -1


@dataclass(eq=False)
class Ledger:
    """Which of the tokens given so far a cache holds.

    Layers from the same start on hold the same entries: those from `starts[i]` to before
    `starts[i + 1]` have the columns `columns[i]`.
    """

    starts: tuple[int, ...]
    columns: list[torch.Tensor]
    """Per level [B,P] int64: column among all tokens given so far, or PADDING."""
    seen: int
    """Tokens given so far, in each row."""
    shift: torch.Tensor
    """[B] int64: how much lower position ids are than if nothing had gone."""
    padded: bool = False
    """Some entry is padding."""
    inside: bool = False
    """While the decoder works with the cache."""

    def append(self, columns: list[torch.Tensor], given: int, shift: torch.Tensor) -> None:
        """After a call of the decoder that was given `given` tokens a row."""
        pairs = zip(self.columns, columns, strict=True)
        self.columns = [torch.cat(pair, dim=1) for pair in pairs]
        self.seen += given
        self.shift = shift

    def select(self, rows: torch.Tensor) -> None:
        self.columns = [columns[rows.to(columns.device)] for columns in self.columns]
        self.shift = self.shift[rows.to(self.shift.device)]

    def repeat(self, times: int) -> None:
        self.columns = [columns.repeat_interleave(times, dim=0) for columns in self.columns]
        self.shift = self.shift.repeat_interleave(times, dim=0)

    def check_crop(self, count: int) -> None:
        """The last tokens can be taken back only if none of them had been pruned."""
        last = torch.arange(self.seen - count, self.seen)
        for columns in self.columns:
            if not bool((columns[:, -count:].cpu() == last).all()):
                raise InputError(
                    f"past_key_values: can't take back {count} tokens, as some of them were "
                    "pruned; expected to take back generated text only"
                )

    def crop(self, count: int) -> None:
        self.columns = [columns[:, :-count] for columns in self.columns]
        self.seen -= count


class PrunedCache(Cache):
    """What a cache becomes when a pruned prompt goes into it; mixed into its own class."""

    ledger: Ledger

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return super().get_seq_length(layer_idx) if self.ledger.inside else self.ledger.seen

    def update(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.ledger.inside:
            raise InputError(
                "past_key_values: holds a pruned prompt; expected to be continued inside "
                "`with sluice.prune(model, ...)`"
            )
        return super().update(*args, **kwargs)

    def crop(self, tokens_to_remove: int) -> None:
        count = -tokens_to_remove
        if count > 0:
            self.ledger.check_crop(count)
        super().crop(tokens_to_remove)
        if count > 0:
            self.ledger.crop(count)

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        super().reorder_cache(beam_idx)
        self.ledger.select(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        super().batch_repeat_interleave(repeats)
        self.ledger.repeat(repeats)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        super().batch_select_indices(indices)
        self.ledger.select(indices)

    def reset(self) -> None:
        super().reset()
        del self.ledger
        self.__class__ = type(self).__bases__[1]


def ledger_of(cache: Cache | None) -> Ledger | None:
    """None where nothing was pruned yet."""
    return cache.ledger if isinstance(cache, PrunedCache) else None


def open_ledger(
    cache: Cache | None, starts: tuple[int, ...], batch: int, device: torch.device
) -> Ledger:
    """The cache's ledger; a new one that holds all tokens given so far if nothing was pruned yet.

    Raises InputError for caches whose entries can't be pruned, or were under other settings.
    """
    ledger = ledger_of(cache)
    if ledger is None:
        seen = 0 if cache is None else int(cache.get_seq_length())
        columns = torch.arange(seen, device=device).expand(batch, -1)
        shift = torch.zeros(batch, dtype=torch.int64, device=device)
        ledger = Ledger(starts, [columns] * len(starts), seen, shift)
    if ledger.starts != starts:
        raise InputError(
            f"past_key_values: was pruned in front of the layers {ledger.starts[1:]}; expected "
            f"{starts[1:]}, as inner_layer and stages now say"
        )
    if cache is not None:
        _check(cache)
    return ledger


def attach(cache: Cache, ledger: Ledger) -> None:
    if not isinstance(cache, PrunedCache):
        kind: Any = type(cache)  # which mypy, without transformers, takes to have no hash
        cache.__class__ = _pruned(kind)
        cache.ledger = ledger


def _check(cache: Cache) -> None:
    if any(isinstance(layer, StaticLayer) for layer in cache.layers):
        raise InputError(
            "past_key_values: has a fixed length; expected a dynamic cache "
            "(cache_implementation=None)"
        )
    if any(cache.is_sliding):
        raise InputError(
            "past_key_values: has sliding windows; expected full attention in all layers"
        )


@functools.cache
def _pruned(kind: type[Cache]) -> type[Cache]:
    return type(f"Pruned{kind.__name__}", (PrunedCache, kind), {})
