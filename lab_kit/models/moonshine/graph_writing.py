"""Writing an ONNX graph operator by operator, from the weights of one that was published.

Knows operators and int8 weights, and no architecture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.moonshine.int8 import LARGEST_SIGNED, SUMMED, Weights
from lab_kit.models.operators import Operators, content

_EPSILON = 1e-5


class Published:
    """A published graph: its operators by what they compute, its weights by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graphs = [model.graph]
        for node in model.graph.node:
            # an exported decoder is two graphs behind an If; the one without a cache holds it all
            graphs += [branch.g for branch in node.attribute if branch.name == "else_branch"]
        self._nodes: dict[str, onnx.NodeProto] = {
            node.output[0]: node for graph in graphs for node in graph.node
        }
        self._weights = {each.name: each for graph in graphs for each in graph.initializer}

    def node(self, output: str) -> onnx.NodeProto:
        """The operator that computes ``output``.

        Raises:
            ModelStoreError: there is none.
        """
        if output not in self._nodes:
            raise ModelStoreError(
                f"a graph that computes no {output}",
                "the graph that was published",
                "fetch the weights again",
            )
        return self._nodes[output]

    def weight(self, name: str) -> npt.NDArray[Any]:
        """A weight's values."""
        return numpy_helper.to_array(self._weights[name])

    def is_weight(self, name: str) -> bool:
        """Whether it is a weight."""
        return name in self._weights


@dataclass(frozen=True, slots=True)
class _Matrix:
    """An int8 matrix: the number at (row, column) is (value - middle) * scale."""

    name: str
    values: npt.NDArray[Any]  # (rows, columns)
    middle: npt.NDArray[Any]  # ()
    scale: npt.NDArray[Any]  # () or (columns,)
    bias: npt.NDArray[Any] | None  # (columns,)


class GraphWriter(Operators):
    """A graph as it grows, from what was published."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._form = weights

    def copied(self, source: Published, output: str, renamed: Mapping[str, str]) -> str:
        """The published operator that computes ``output``, and all that it depends on.

        Args:
            renamed: what is called otherwise here, by its published name; what it depended on
                there is not copied.
        """
        if any(output in node.output for node in self._nodes):
            return output
        node = onnx.NodeProto()
        node.CopyFrom(source.node(output))
        for place, name in enumerate(node.input):
            if name in renamed:
                node.input[place] = renamed[name]
            elif source.is_weight(name):
                self.constant(name, source.weight(name))
            else:
                self.copied(source, name, renamed)
        self._nodes.append(node)
        return output

    def products(self, source: Published, factor: str, outputs: Sequence[str]) -> list[str]:
        """``factor`` times the int8 matrix of each published operator, plus its bias if it has one.

        Over bytes, ``factor`` is quantized once, with one scale for all its values.
        """
        matrices = [self._matrix(source, output) for output in outputs]
        return self._multiplied(factor, matrices)

    def windows_product(self, source: Published, hidden: str, output: str) -> str:
        """A published float convolution over time as an int8 product over windows.

        (1, times, channels) to (1, windows, new channels). The matrix is quantized here, with a
        scale for each new channel.
        """
        node = source.node(output)
        options = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        kernel = source.weight(node.input[1])  # (new channels, channels, width)
        width, step = kernel.shape[2], options["strides"][0]
        values = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])
        scale = (np.abs(values).max(axis=0) / 127).astype(np.float32)
        signed, middle = np.rint(values / scale).astype(np.int8), np.array(0, np.int8)
        bias = source.weight(node.input[2])
        matrix = _Matrix(output, *self._as_written(signed, middle), scale, bias)
        windows = self._windows(hidden, width, step, kernel.shape[1])
        return self._multiplied(windows, [matrix])[0]

    def _matrix(self, source: Published, output: str) -> _Matrix:
        node = source.node(output)
        inputs: list[str] = list(node.input)
        if node.op_type == "DynamicQuantizeMatMul":
            _, name, scale, zero, *bias = inputs
        else:  # MatMulIntegerToFloat, whose factor has been quantized already
            _, name, _, scale, _, zero, *bias = inputs
        values, scales, middle = (source.weight(each) for each in (name, scale, zero))
        added = source.weight(bias[0]) if bias and bias[0] else None
        return _Matrix(output, *self._as_written(values, middle), scales, added)

    def _as_written(
        self, values: npt.NDArray[Any], middle: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Bytes of the wanted sign; between a value and the middle nothing changes."""
        is_signed, wanted = values.dtype == np.int8, self._form is not Weights.UNSIGNED
        if is_signed == wanted:
            return values, middle
        kind, shift = (np.int8, -128) if wanted else (np.uint8, 128)
        values, middle = ((each + np.int16(shift)).astype(kind) for each in (values, middle))
        return values, middle

    def _multiplied(self, factor: str, matrices: Sequence[_Matrix]) -> list[str]:
        if self._form is Weights.FLOAT:
            return [self._float_product(factor, matrix) for matrix in matrices]
        quantized = self.add("DynamicQuantizeLinear", [factor], 3)
        return [self._byte_product(quantized, matrix) for matrix in matrices]

    def _byte_product(self, quantized: list[str], matrix: _Matrix) -> str:
        values, scale, middle = quantized
        inputs = [
            values,
            self.constant(f"{matrix.name}.matrix", matrix.values),
            scale,
            self.constant(f"{matrix.name}.scale", matrix.scale),
            middle,
            self.constant(f"{matrix.name}.middle", matrix.middle),
        ]
        if matrix.bias is not None:
            inputs.append(self.constant(f"{matrix.name}.bias", matrix.bias))
        return self.fused("MatMulIntegerToFloat", inputs)[0]

    def _float_product(self, factor: str, matrix: _Matrix) -> str:
        values = (matrix.values.astype(np.float32) - matrix.middle) * matrix.scale
        name = self.constant(f"{matrix.name}.matrix", values.astype(np.float32))
        (product,) = self.add("MatMul", [factor, name])
        if matrix.bias is None:
            return product
        return self.add("Add", [product, self.constant(f"{matrix.name}.bias", matrix.bias)])[0]

    def _windows(self, hidden: str, width: int, step: int, channels: int) -> str:
        """(1, windows, width * channels): each ``step`` further on."""
        (times,) = self.add("Shape", [hidden], start=1, end=2)
        (times,) = self.add("Squeeze", [times])
        (last,) = self.add("Sub", [times, self.constant(f"{width}-1", np.array(width - 1))])
        zero, pace = self.constant("0", np.array(0)), self.constant(f"{step}", np.array(step))
        (starts,) = self.add("Range", [zero, last, pace])
        (starts,) = self.add("Unsqueeze", [starts, self.constant("[1]", np.array([1]))])
        (places,) = self.add("Add", [starts, self.constant(f"to {width}", np.arange(width))])
        (taken,) = self.add("Gather", [hidden, places], axis=1)
        shape = self.constant(f"{width * channels} wide", np.array([0, 0, width * channels]))
        return self.add("Reshape", [taken, shape])[0]

    def normed(
        self, source: Published, hidden: str, added: str | None, output: str
    ) -> tuple[str, str]:
        """``hidden``, plus ``added`` if there is one: after the published normalization, before."""
        node = source.node(output)
        weights = node.input[2:4] if node.op_type == "SkipLayerNormalization" else node.input[1:3]
        total = hidden if added is None else self.add("Add", [hidden, added])[0]
        inputs = [total, *(self.constant(each, source.weight(each)) for each in weights)]
        return self.add("LayerNormalization", inputs, epsilon=_EPSILON)[0], total


def largest_sums() -> bytes:
    """A graph, as a file's content, that adds the largest products of unsigned and signed bytes.

    ``factor``, (1, 64) uint8, to ``sums``, (1, 16) int32; the matrix holds `LARGEST_SIGNED` alone.
    """
    node = helper.make_node("MatMulInteger", ["factor", "matrix"], ["sums"])
    matrix = np.full((SUMMED, 16), LARGEST_SIGNED, np.int8)
    graph = helper.make_graph(
        [node],
        "largest",
        [helper.make_tensor_value_info("factor", TensorProto.UINT8, [1, SUMMED])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [1, 16])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    return content(graph)
