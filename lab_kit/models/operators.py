"""A graph for ONNX Runtime as it grows, operator by operator; knows no architecture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

_OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]


class Operators:
    """A graph; the methods that add to it return the names of what is computed."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """A weight; the same name again is the same weight."""
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(values, name)
        return name

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: int | Sequence[str] = 1,
        domain: str = "",
        **options: Any,
    ) -> list[str]:
        """An operator; ``outputs`` names what it computes, or says how many names to make up."""
        if isinstance(outputs, int):
            self._count += 1
            outputs = [f"{operator}_{self._count}_{n}" for n in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **options))
        return list(outputs)

    def fused(
        self, operator: str, inputs: Sequence[str], outputs: int | Sequence[str] = 1, **options: Any
    ) -> list[str]:
        """An operator that is ONNX Runtime's own."""
        return self.add(operator, inputs, outputs, "com.microsoft", **options)

    def serialized(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Mapping[str, int]
    ) -> bytes:
        """The graph as a file's content; ``outputs`` are of these types."""
        results = [
            helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()
        ]
        weights = list(self._weights.values())
        return content(helper.make_graph(self._nodes, "graph", inputs, results, weights))


def content(graph: onnx.GraphProto) -> bytes:
    """A file's content."""
    model = helper.make_model(graph, opset_imports=_OPSETS, ir_version=10)
    return bytes(model.SerializeToString())
