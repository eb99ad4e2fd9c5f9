"""Moonshine's graphs as files: found where they were written before, else written now."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from lab_kit.models.moonshine.int8 import LARGEST_SIGNED, LARGEST_UNSIGNED, SUMMED, Weights
from lab_kit.models.moonshine.layout import DECODER, ENCODER
from lab_kit.models.store.kept import fingerprint, kept

_ENCODING, _DECODING = "encoder_model.ort", "decoder_model_merged.ort"
_SUMS = "sums.onnx"
_TOOLS = ("onnx", "onnxruntime")
_GRAPH, _LAYOUT, _WRITING, _INT8 = (
    Path(__file__).with_name(f"{name}.py") for name in ("graph", "layout", "graph_writing", "int8")
)


def written(files: Mapping[str, Path], weights: Weights) -> Path:
    """The folder with `ENCODER` and `DECODER`; written now if it is not there.

    Args:
        files: the published ``encoder_model.ort`` and ``decoder_model_merged.ort`` by name.

    Raises:
        ModelStoreError: these are not Moonshine tiny's graphs, or the folder cannot be written.
    """
    paths = [files[name] for name in (_ENCODING, _DECODING)]
    made_from = fingerprint(paths, _TOOLS, [_GRAPH, _LAYOUT, _WRITING, _INT8])

    def write(folder: Path) -> None:
        from lab_kit.models.moonshine.graph import decoder_graph, encoder_graph, published_graph

        encoding, decoding = (published_graph(path) for path in paths)
        (folder / ENCODER).write_bytes(encoder_graph(encoding, decoding, weights))
        (folder / DECODER).write_bytes(decoder_graph(decoding, weights))

    return kept(f"moonshine-{weights.name.lower()}-{made_from}", write)


@cache
def signed_sums_are_exact() -> bool:
    """Whether this processor multiplies unsigned by signed bytes without overflow.

    Without an instruction for it (VNNI on x86) two products of such bytes meet in sixteen bits,
    where the largest do not fit and are cut off, silently.
    Source: ONNX Runtime's documentation, "Quantize ONNX models", on U8S8.

    Raises:
        ModelStoreError: the graph that asks is not there, and cannot be written.
    """

    def write(folder: Path) -> None:
        from lab_kit.models.moonshine.graph_writing import largest_sums

        (folder / _SUMS).write_bytes(largest_sums())

    # the question is kept, not the answer: the folder may be seen by machines of other kinds
    folder = kept(f"sums-{fingerprint([], _TOOLS, [_WRITING, _INT8])}", write)
    session = onnxruntime.InferenceSession(folder / _SUMS, providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"factor": np.full((1, SUMMED), LARGEST_UNSIGNED, np.uint8)})
    return bool((sums == LARGEST_UNSIGNED * LARGEST_SIGNED * SUMMED).all())
