"""A small vision transformer in an ONNX file: random weights, the shapes of the real ones.

8×8 patches of 14 pixels, 32 numbers wide, two layers of four heads, with class and register tokens
before the patches and the attention of every layer as outputs.
"""

import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PATCH, SIDE, WIDTH, HEADS, LAYERS = 14, 8, 32, 4, 2
PIXELS = PATCH * SIDE
POSITIONS = SIDE * SIDE


@dataclasses.dataclass(frozen=True)
class Shape:
    """What exports differ in."""

    prefix: int = 1  # class and register tokens
    attention: bool = True
    half: bool = False  # the whole model in f16
    channels_last: bool = False
    batch: int | str = "batch"
    pixels: int | str = PIXELS  # as the input declares its sides
    output: str = "last_hidden_state"
    as_map: bool = False  # [N, D, rows, columns] instead of [N, T, D]
    metadata: tuple = (("image_mean", "0.5, 0.5, 0.5"), ("image_std", "0.5, 0.5, 0.5"))


class Graph:
    """Collects nodes and weights."""

    def __init__(self, half):
        self.nodes, self.weights = [], []
        self.type = np.float16 if half else np.float32
        self._random = np.random.default_rng(7)

    def random(self, *shape, scale=None):
        scale = scale or shape[0] ** -0.5
        return self.constant(self._random.normal(0, scale, shape))

    def constant(self, values, dtype=None):
        name = f"w{len(self.weights)}"
        array = np.asarray(values, dtype or self.type)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op, *inputs, output=None, **attributes):
        output = output or f"{op}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def shape(self, *extents):
        return self.constant(extents, np.int64)

    def linear(self, x, rows, columns):
        return self.add("MatMul", x, self.random(rows, columns))

    def norm(self, x, output=None):
        scale = self.constant(np.ones(WIDTH))
        return self.add("LayerNormalization", x, scale, axis=-1, epsilon=1e-5, output=output)


def _heads(graph, x, order):
    """[N,T,D] → [N,H,T,D/H], or transposed by `order`."""
    split = graph.add("Reshape", x, graph.shape(0, 0, HEADS, WIDTH // HEADS))
    return graph.add("Transpose", split, perm=order)


def _layer(graph, x, number, attention):
    normed = graph.norm(x)
    query, key, value = (graph.linear(normed, WIDTH, WIDTH) for _ in range(3))
    scores = graph.add(
        "MatMul", _heads(graph, query, [0, 2, 1, 3]), _heads(graph, key, [0, 2, 3, 1])
    )
    scaled = graph.add("Mul", scores, graph.constant((WIDTH / HEADS) ** -0.5))
    name = f"attentions.{number}" if attention else None
    weights = graph.add("Softmax", scaled, axis=-1, output=name)
    mixed = graph.add("MatMul", weights, _heads(graph, value, [0, 2, 1, 3]))
    joined = graph.add(
        "Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), graph.shape(0, 0, WIDTH)
    )
    x = graph.add("Add", x, graph.linear(joined, WIDTH, WIDTH))
    hidden = graph.add("Relu", graph.linear(graph.norm(x), WIDTH, 4 * WIDTH))
    return graph.add("Add", x, graph.linear(hidden, 4 * WIDTH, WIDTH))


def _embed(graph, shape):
    """The picture as prefix and patch tokens, with positions."""
    x = "pixel_values"
    if shape.channels_last:
        x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    kernel = graph.random(WIDTH, 3, PATCH, PATCH, scale=(3 * PATCH * PATCH) ** -0.5)
    patches = graph.add("Conv", x, kernel, strides=[PATCH, PATCH])
    rows = graph.add("Reshape", patches, graph.shape(0, WIDTH, -1))
    tokens = graph.add("Transpose", rows, perm=[0, 2, 1])
    if shape.prefix:
        first = graph.add("Slice", tokens, graph.shape(0), graph.shape(1), graph.shape(1))
        zero = graph.add("Mul", first, graph.constant(0.0))
        tokens = graph.add(
            "Concat", graph.add("Add", zero, graph.random(1, shape.prefix, WIDTH)), tokens, axis=1
        )
    return graph.add("Add", tokens, graph.random(1, shape.prefix + POSITIONS, WIDTH, scale=0.5))


def write(path, shape=Shape()):
    """Writes the model and returns its path."""
    graph = Graph(shape.half)
    x = _embed(graph, shape)
    for number in range(LAYERS):
        x = _layer(graph, x, number, shape.attention)
    outputs = [shape.output]
    if shape.as_map:
        x = graph.norm(x)
        patches = graph.add(
            "Slice", x, graph.shape(shape.prefix), graph.shape(2**30), graph.shape(1)
        )
        turned = graph.add("Transpose", patches, perm=[0, 2, 1])
        graph.add("Reshape", turned, graph.shape(0, WIDTH, SIDE, SIDE), output=shape.output)
    else:
        graph.norm(x, output=shape.output)
    if shape.attention:
        outputs += [f"attentions.{number}" for number in range(LAYERS)]
    _save(path, graph, shape, outputs)
    return path


def _save(path, graph, shape, outputs):
    element = TensorProto.FLOAT16 if shape.half else TensorProto.FLOAT
    sides = [shape.pixels, shape.pixels]
    picture = [*sides, 3] if shape.channels_last else [3, *sides]
    tokens = shape.prefix + POSITIONS
    extents = {name: [shape.batch, HEADS, tokens, tokens] for name in outputs}
    extents[shape.output] = [shape.batch, tokens, WIDTH]
    if shape.as_map:
        extents[shape.output] = [shape.batch, WIDTH, SIDE, SIDE]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "tiny_vit",
            [helper.make_tensor_value_info("pixel_values", element, [shape.batch, *picture])],
            [helper.make_tensor_value_info(name, element, extents[name]) for name in outputs],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, dict(shape.metadata))
    onnx.checker.check_model(model)
    onnx.save(model, path)
