"""AdaToken-3D (arXiv 2505.12782) in plain NumPy and double precision, written from its definition.

Slow and simple on purpose: what `sluice calibrate` and `sluice reduce --method stage-gate` are held
against. Layers are counted from 0; `l` of the paper is the layer's index here.
"""

import numpy as np

SYSTEM, SPATIAL, TEXT = range(3)


# --- information flow -----------------------------------------------------------------------------


def token_blocks(layout, pool, parity):
    """Per token its block (-1: none), and per block its segment."""
    if parity:
        whole = sum(layout) // pool
        first_spatial, first_text = layout[0] // pool, (layout[0] + layout[1]) // pool
        segments = [
            SYSTEM if b < first_spatial else SPATIAL if b < first_text else TEXT
            for b in range(whole)
        ]
        return [b if b < whole else -1 for b in np.arange(sum(layout)) // pool], segments
    of_token, segments = [], []
    for segment, count in enumerate(layout):
        for token in range(count):
            if token % pool == 0:
                segments.append(segment)
            of_token.append(len(segments) - 1)
    return of_token, segments


def block_means(attention, of_token, blocks):
    """The map [n,n], averaged over blocks of rows and columns."""
    membership = np.zeros((blocks, len(of_token)))
    for token, block in enumerate(of_token):
        if block >= 0:
            membership[block, token] = 1
    membership /= membership.sum(axis=1, keepdims=True)
    return membership @ attention @ membership.T


def layer_flow(attention, layout, pool=10, parity=False):
    """(intra, inter) of one layer; attention [n,n] or [heads,n,n], rows are queries."""
    attention = np.asarray(attention, np.float64)
    if attention.ndim == 3:
        attention = attention.mean(axis=0)
    of_token, segments = token_blocks(layout, pool, parity)
    means = block_means(attention, of_token, len(segments))
    intra = inter = 0.0
    for source, segment in enumerate(segments):
        for target in range(source + 1, len(segments)):
            value = 100 * means[target, source]
            if segment == SPATIAL and segments[target] == SPATIAL:
                intra += value
            elif segment == SYSTEM and segments[target] == SPATIAL:
                inter += 0.7 * value
            elif segment == SPATIAL and segments[target] == TEXT:
                inter += 0.3 * value
    return intra, inter


def contribution(intra, inter):
    """c of the layers from the second on, normalised to [0,1]."""
    memory, values = intra[0], []
    for layer in range(1, len(intra)):
        memory += 0.73 * intra[layer]
        values.append(0.4 * intra[layer] + 0.3 * inter[layer] + 0.3 * memory)
    values = np.array(values)
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)


# --- schedule -------------------------------------------------------------------------------------


def curve(rate, layers, x):
    """f(x) = D + (100 - D) e^{-B(x-1)} with f(1) = 100, f(layers) = 10."""
    x = np.asarray(x, np.float64)
    if rate == 0:
        return 100 - 90 * (x - 1) / (layers - 1)
    drop = 90 / (1 - np.exp(-rate * (layers - 1)))  # 100 - D
    return 100 - drop + drop * np.exp(-rate * (x - 1))


def fit_error(contribution, rate):
    """Squares over values and gradients, in percent."""
    x = np.arange(1, len(contribution) + 1)
    fitted = curve(rate, len(contribution) + 1, x)
    wanted = 100 * np.asarray(contribution)
    return np.sum((fitted - wanted) ** 2) + np.sum((np.gradient(fitted) - np.gradient(wanted)) ** 2)


def staged_counts(tokens, layers, stages):
    """[layers] from [(layer, ratio)]: int(S · ratio), of the original S."""
    counts = [tokens] * layers
    for first, ratio in stages:
        counts[first:] = [int(tokens * ratio)] * (layers - first)
    return counts


def flops_left(counts, tokens, other=61, d=4096, m=11008):
    def cost(n):
        return 4 * n * d * d + 2 * n * n * d + 3 * n * d * m

    return sum(cost(c + other) for c in counts) / (len(counts) * cost(tokens + other))


# --- stage gate -----------------------------------------------------------------------------------


def gate(attention, start, n_in, n_out, positions="original", ids=None):
    """(keep, kept in the span, position ids, decode shift) of one stage."""
    attention = np.asarray(attention, np.float64)
    if attention.ndim == 2:
        total = np.zeros(attention.shape[1])
        for head in attention:
            total = total + head
        attention = total / len(attention)
    n = len(attention)
    ids = np.arange(n) if ids is None else np.asarray(ids)
    span = attention[start : start + n_in]
    # Best first; NaN last; equals in order, because the sort is stable.
    order = np.argsort(np.where(np.isnan(span), np.inf, -span), kind="stable")
    order = sorted(order, key=lambda i: bool(np.isnan(span[i])))
    kept = np.sort(np.array(order[:n_out], dtype=np.int64))
    keep = np.concatenate([np.arange(start), start + kept, np.arange(start + n_in, n)])
    if positions == "original":
        return keep, kept, ids[keep], 0
    if positions == "renumbered":
        return keep, kept, np.arange(len(keep)), n_in - n_out
    closed = ids[keep].copy()
    closed[start : start + n_out] = ids[start : start + n_out]
    return keep, kept, closed, 0
