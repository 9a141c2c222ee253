"""Pruned tokens in the forms that vLLM takes: image embeddings and prompt embeddings.

    from sluice import vllm

    kept = sluice.reduce(features, budget=512)
    content = [vllm.image_embeds(kept), {"type": "text", "text": "What happens?"}]

As vLLM 0.33 reads them. Which models take how many tokens, and what is lost on the way, is in
docs/servers.md. Needs PyTorch; vLLM itself is not needed where this runs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError
from .tensors import Array, is_torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .reduction import Reduction
    from .tokens import Tokens

    Kept = Array | Reduction | Tokens
    Projector = Callable[[Tensor], Tensor]


def image_embeds(
    tokens: Kept,
    projector: Projector | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    uuid: str | None = None,
) -> dict[str, Any]:
    """A content part for `/v1/chat/completions` of a server with `--enable-mm-embeds`.

    Args:
        tokens: [N,D] floats, D as wide as the language model, or what `reduce` returned.
        projector: called with the tokens first, where these are as wide as the vision tower.
        fields: what a model wants to know beside the tokens, such as `image_grid_thw`.
        uuid: the server's name for these tokens in its cache; its hash of them if None.

    Raises InputError naming the argument.
    """
    payload: Any = to_base64(_embeds(tokens, projector))
    if fields is not None:
        payload = {"image_embeds": payload} | {k: to_base64(_field(v)) for k, v in fields.items()}
    part = {"type": "image_embeds", "image_embeds": payload}
    return part if uuid is None else {**part, "uuid": uuid}


def image_data(*images: Kept, projector: Projector | None = None) -> dict[str, list[Tensor]]:
    """For `multi_modal_data` of `LLM.generate` with `enable_mm_embeds=True`: [N,D] of each image.

    Raises InputError naming the argument.
    """
    if not images:
        raise InputError("images: are none; expected tokens of at least one")
    return {"image": [_embeds(tokens, projector) for tokens in images]}


def prompt_part(tokens: Kept, projector: Projector | None = None) -> dict[str, str]:
    """A content part for `/v1/chat/completions` of a server with `--enable-prompt-embeds`.

    The tokens take the place of so much text: the server puts its chat template around them.
    Arguments and errors are those of `image_embeds`.
    """
    return {"type": "prompt_embeds", "data": to_base64(_embeds(tokens, projector))}


@dataclass(frozen=True, eq=False)
class PromptEmbeds:
    """A prompt as its decoder gets it, chat template and text included."""

    embeds: Tensor
    """[L,D], on the CPU."""
    visuals: tuple[Tensor, ...]
    """[n,D] of each video, newlines included; and of each image if images are pruned."""

    def completion(self) -> dict[str, str]:
        """The prompt in the body of a request to `/v1/completions`."""
        return {"prompt_embeds": to_base64(self.embeds)}


def prompt_embeds(
    model: nn.Module, inputs: Mapping[str, Any], *, text_positions: bool = False, **pruning: Any
) -> tuple[PromptEmbeds, ...]:
    """What `sluice.prune` lets into the decoder, per row of a prompt. The decoder does not run.

    Positions are compacted, as a server counts prompt embeddings 0, 1, 2 ...

    Args:
        model: one that `sluice.prune` takes.
        inputs: for its `forward`, as its processor made them.
        text_positions: go on where the model tells tokens apart by time, row and column (Qwen2-VL),
            which a server does not do with prompt embeddings.
        pruning: arguments of `sluice.prune`, but for those that change what is inside the decoder.

    Raises InputError naming the argument.
    """
    from .pruning import prune

    for name in ("inner_retain", "inner_layer", "stages"):
        if pruning.get(name) is not None:
            raise InputError(f"{name}: is given; expected None: a server keeps all in all layers")
    if pruning.setdefault("positions", "compacted") != "compacted":
        raise InputError(
            f"positions: is {pruning['positions']!r}; expected 'compacted': a server counts them"
        )
    if inputs.get("past_key_values") is not None:
        raise InputError("inputs: have past_key_values; expected a whole prompt")
    plan = prune(model, **pruning)

    from .adapters.entering import entering

    rows = entering(plan, inputs)
    if rows[0].axes > 1 and not text_positions:
        raise InputError(
            f"model: {type(model).__name__} places tokens by time, row and column, and a server "
            "gives prompt embeddings the positions of text; expected text_positions=True to go on"
        )
    return tuple(_prompt(row) for row in rows)


def to_base64(tensor: Tensor) -> str:
    """What `torch.save` writes, as text: of this tensor's values alone, on the CPU."""
    import torch

    file = io.BytesIO()
    # A view would bring all of its storage along, and a device must be there where it is read.
    torch.save(tensor.detach().cpu().clone(memory_format=torch.contiguous_format), file)
    return base64.b64encode(file.getbuffer()).decode("ascii")


def _prompt(row: Any) -> PromptEmbeds:
    embeds = row.embeds.detach().cpu()
    return PromptEmbeds(embeds, tuple(embeds[visual] for visual in row.visuals))


def _embeds(tokens: Kept, projector: Projector | None) -> Tensor:
    """[N,D] floats on the CPU."""
    import torch

    embeds = _tensor(getattr(tokens, "features", tokens), "tokens")
    if projector is None:
        return embeds.detach().cpu()
    if isinstance(projector, torch.nn.Module):
        weights = next(projector.parameters(), embeds)
        embeds = embeds.to(weights.device, weights.dtype)
    with torch.no_grad():
        projected = _tensor(projector(embeds), "projector")
    if len(projected) != len(embeds):
        raise InputError(
            f"projector: made {len(projected)} tokens of {len(embeds)}; expected as many"
        )
    return projected.detach().cpu()


def _tensor(value: Any, name: str) -> Tensor:
    import torch

    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(np.array(value, value.dtype.newbyteorder("=")))
    if not is_torch(value):
        raise InputError(f"{name}: is {_described(value)}; expected a tensor [N,D] of floats")
    if value.ndim != 2 or 0 in value.shape:
        raise InputError(f"{name}: has shape {list(value.shape)}; expected [N,D], not empty")
    if value.dtype == torch.float64:
        value = value.float()  # NumPy's default; servers take the three types below
    if value.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise InputError(f"{name}: has type {value.dtype}; expected float32, float16 or bfloat16")
    if not value.isfinite().all():
        raise InputError(f"{name}: has NaN or infinity, which a server may not survive")
    return value


def _described(value: Any) -> str:
    return str(getattr(value, "dtype", f"a {type(value).__name__}"))


def _field(value: Any) -> Tensor:
    import torch

    return torch.as_tensor(value)
