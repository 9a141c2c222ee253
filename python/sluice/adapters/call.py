"""One call of the decoder on its way through the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask

from .cache_bookkeeping import PADDING, Ledger
from .inner_stages import InnerStage
from .last_row import last_row_attention
from .prompt_pruning import PrunedSpan, packed, take

Embeddings = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Stretch:
    """Where a visual span lies in the tokens of a call, as far as they are left."""

    row: int
    start: int
    stop: int
    first: int
    """Tokens that it had when it entered the decoder."""

    def __len__(self) -> int:
        return self.stop - self.start

    def within(self, rows: torch.Tensor, width: int) -> Stretch:
        """The same stretch once only the tokens `rows` are left, at the end of `width` columns."""
        padding = width - len(rows)
        start = padding + int((rows < self.start).sum())
        return replace(self, start=start, stop=padding + int((rows < self.stop).sum()))


@dataclass(eq=False)
class Call:
    """Levels are counted as in the ledger: 0 from the first layer on, and one more per stage."""

    cache: Cache | None
    ledger: Ledger
    seen: int
    """Tokens a row that were given before this call."""
    given: int
    """Tokens a row that the decoder was given in this call."""
    mask: torch.Tensor | None
    """[B,seen+given] bool of all tokens given so far, or None where all count."""
    columns: list[torch.Tensor]
    """Per level so far [B,l] int64: which of all tokens given so far each new entry is."""
    stretches: list[Stretch]
    pruned: list[PrunedSpan]
    shift: torch.Tensor
    embeddings: Embeddings | None = None
    attention_mask: Any = None
    """For the layers of a level above 0, as they take it."""
    before: dict[int, tuple[torch.Tensor, Embeddings]] = field(default_factory=dict)
    """What entered the layers that a later stage looks at."""

    @property
    def level(self) -> int:
        return len(self.columns) - 1

    def valid(self, past_level: int) -> torch.Tensor:
        """[B,P+l] bool: which entries of that level's cache, and of the new ones, count."""
        columns = torch.cat([self.ledger.columns[past_level], self.columns[-1]], dim=1)
        valid = columns != PADDING
        if self.mask is not None:
            valid &= self.mask.gather(1, columns.clamp(min=0))
        return valid

    def padding_mask(self) -> torch.Tensor | None:
        """For the current level, as a model takes it.

        None only with a cache: without one, gaps in position ids would be taken for the borders of
        packed sequences.
        """
        if self.cache is not None and self.mask is None and not self.ledger.padded:
            return None
        return self.valid(self.level)

    def keep(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """Goes on with the current tokens `rows`, ascending per batch row; [B,l'] of them."""
        chosen = packed(rows, PADDING)
        width = chosen.shape[1]
        self.ledger.padded |= any(len(row) != width for row in rows)
        self.columns[-1] = take(self.columns[-1], chosen).masked_fill(chosen == PADDING, PADDING)
        self.stretches = [stretch.within(rows[stretch.row], width) for stretch in self.stretches]
        return chosen

    def enter_level(
        self, stage: InnerStage, layers: nn.ModuleList, config: Any, hidden: torch.Tensor
    ) -> torch.Tensor:
        """In front of the stage's layer: hidden states [B,l,D] of what goes on."""
        looked_at = self._attention(stage, layers, hidden) if self.stretches else None
        self.columns.append(self.columns[-1])
        if looked_at is not None:
            hidden = self._reduce(stage, hidden, looked_at)
        self.attention_mask = create_causal_mask(
            config=config,
            inputs_embeds=hidden,
            attention_mask=self.padding_mask(),
            past_key_values=self.cache,
            layer_idx=stage.layer,
        )
        return hidden

    def _attention(
        self, stage: InnerStage, layers: nn.ModuleList, hidden: torch.Tensor
    ) -> torch.Tensor:
        """[B,heads,l], of the layer that the stage looks at."""
        assert self.embeddings is not None
        entered = self.before.pop(stage.looks_at, (hidden, self.embeddings))
        level = self.level if stage.looks_at < stage.layer else self.level + 1
        past = self.ledger.columns[level].shape[1]
        keys = None
        if self.cache is not None and past > 0:
            keys = self.cache.layers[stage.looks_at].keys[:, :, :past]
        return last_row_attention(layers[stage.looks_at], *entered, keys, self.valid(level))

    def _reduce(
        self, stage: InnerStage, hidden: torch.Tensor, attention: torch.Tensor
    ) -> torch.Tensor:
        hidden = hidden.clone()
        stays = self.columns[-1] != PADDING
        for stretch in self.stretches:
            inside = slice(stretch.start, stretch.stop)
            states, rows = stage.apply(
                _on_cpu(hidden[stretch.row, inside]),
                _on_cpu(attention[stretch.row, :, inside]),
                stage.count(stretch.first, len(stretch)),
            )
            slots = stretch.start + rows.to(hidden.device)
            stays[stretch.row, inside] = False
            stays[stretch.row, slots] = True
            hidden[stretch.row, slots] = states.to(hidden)
        chosen = self.keep([row.nonzero().flatten() for row in stays])
        assert self.embeddings is not None
        cosines, sines = self.embeddings
        self.embeddings = take(cosines, chosen), take(sines, chosen)
        return take(hidden, chosen)


def _on_cpu(states: torch.Tensor) -> torch.Tensor:
    states = states.detach().cpu()
    return states.float() if states.dtype == torch.float64 else states
