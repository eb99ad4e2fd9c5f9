"""Exports Whisper's graphs to ONNX, quantizes them, and keeps both until anything changes.

An export is compared with PyTorch, in another shape than it was traced with, before it is kept.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import quantize_dynamic
from transformers import WhisperConfig

from lab_kit.core.errors import ModelNotLoaded
from lab_kit.experiments.runtimes import graphs
from lab_kit.experiments.runtimes.graphs import DecoderGraph, EncoderGraph, Tensors
from lab_kit.models.device import Device, open_session
from lab_kit.models.store import kept
from lab_kit.models.whisper.weights import load_whisper

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
TOLERANCE = 1e-3
"""Largest difference from PyTorch that rounding may make in the scores and states, which reach
about 30; a wrong graph is off by whole numbers."""

_TOOLS = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
_TRACED = {"clips": 2, "new": 3, "before": 5}
"""Sizes the graphs are traced with; 0 and 1 would be taken for constants."""
_COMPARED = {"clips": 1, "new": 2, "before": 7}


def exported(weights: Path) -> Path:
    """The folder with both graphs in float32; exported now if it is not there.

    Raises:
        ModelNotLoaded: the exported graphs compute something else than PyTorch.
    """
    return kept.kept(f"whisper-{fingerprint(weights)}", lambda folder: _export(weights, folder))


def quantized(weights: Path) -> Path:
    """The folder with both graphs in int8; exported and quantized now if it is not there."""
    source = exported(weights)
    return kept.kept(f"{source.name}-int8", lambda folder: _quantize(source, folder))


def fingerprint(weights: Path) -> str:
    """What the graphs of these weights depend on."""
    return kept.fingerprint([weights], _TOOLS, [Path(str(graphs.__file__)), Path(__file__)])


def _export(weights: Path, folder: Path) -> None:
    network = load_whisper(weights, torch.float32, torch.device("cpu"))
    encoder, decoder = EncoderGraph(network).eval(), DecoderGraph(network).eval()
    outputs = 2 * network.config.decoder_layers
    past, heard = ([f"{kind}_{n}" for n in range(outputs)] for kind in ("past", "heard"))
    with _quiet(), torch.no_grad():
        _write(encoder, _mel(_TRACED), ({0: "clips"},), ["mel"], heard, folder / ENCODER)
        _compare(encoder, _mel(_COMPARED), folder / ENCODER)
        _write(
            decoder,
            _decoder_inputs(network.config, _TRACED),
            (
                {0: "clips", 1: "new"},
                tuple({0: "clips", 2: "before"} for _ in past),
                tuple({0: "clips"} for _ in heard),
            ),
            ["tokens", *past, *heard],
            ["scores", *(f"longer_{n}" for n in range(outputs))],
            folder / DECODER,
        )
        _compare(decoder, _decoder_inputs(network.config, _COMPARED), folder / DECODER)


def _write(
    graph: torch.nn.Module,
    inputs: tuple[torch.Tensor | Tensors, ...],
    dynamic_shapes: tuple[object, ...],
    input_names: list[str],
    output_names: list[str],
    path: Path,
) -> None:
    program = torch.onnx.export(
        graph,
        inputs,
        dynamo=True,
        dynamic_shapes=dynamic_shapes,
        input_names=input_names,
        output_names=output_names,
        verbose=False,
    )
    assert program is not None  # which only the old exporter returns
    program.save(path)


def _mel(sizes: Mapping[str, int]) -> tuple[torch.Tensor]:
    return (_noise(sizes["clips"], 80, 3000),)


def _decoder_inputs(
    config: WhisperConfig, sizes: Mapping[str, int]
) -> tuple[torch.Tensor, Tensors, Tensors]:
    clips, heads = sizes["clips"], config.decoder_attention_heads
    width, outputs = config.d_model // heads, 2 * config.decoder_layers
    past = tuple(_noise(clips, heads, sizes["before"], width) for _ in range(outputs))
    frames = config.max_source_positions
    heard = tuple(_noise(clips, heads, frames, width) for _ in range(outputs))
    return torch.arange(clips * sizes["new"]).view(clips, -1), past, heard


def _noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def _compare(graph: torch.nn.Module, inputs: Sequence[torch.Tensor | Tensors], path: Path) -> None:
    """Refuse an exported graph whose outputs are not those of PyTorch."""
    session = open_session(path, Device("cpu", "to compare an export", workers=1))
    flat = [t for each in inputs for t in ([each] if isinstance(each, torch.Tensor) else each)]
    names = [each.name for each in session.get_inputs()]
    outputs = session.run(None, {n: t.numpy() for n, t in zip(names, flat, strict=True)})
    for wanted, found in zip(graph(*inputs), outputs, strict=True):
        if not np.allclose(wanted.numpy(), found, rtol=0, atol=TOLERANCE):
            raise ModelNotLoaded(
                received=f"{path.name} differs by {np.abs(wanted.numpy() - found).max():.3g}",
                expected=f"what PyTorch computes, within {TOLERANCE}",
                next_step="report the versions of torch, onnx and onnxruntime",
            )


def _quantize(source: Path, folder: Path) -> None:
    """Weights of matrices and of the vocabulary in int8, one scale a column; sums stay exact."""
    for name in (ENCODER, DECODER):
        graph = onnx.load(source / name)
        _untie(graph.graph)
        with _quiet():
            quantize_dynamic(
                graph,
                folder / name,
                op_types_to_quantize=["MatMul", "Gather"],
                per_channel=True,
            )


def _untie(graph: onnx.GraphProto) -> None:
    """Give each product its own copy of a matrix that another operator reads, too.

    The vocabulary is looked up and multiplied with; the quantizer transposes it for the product
    and would leave the look-up with the transposed one.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input if name in weights)
    for node in graph.node:
        if node.op_type == "Gemm" and readers[node.input[1]] > 1:
            copy = graph.initializer.add()
            copy.CopyFrom(weights[node.input[1]])
            copy.name = node.input[1] = f"{node.input[1]}.of.{node.name}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tools' remarks about other people's models out of a notebook.

    A root logger without a handler would get one from the quantizer, and keep it.
    """
    nowhere, exporter = logging.NullHandler(), logging.getLogger("torch.onnx")
    level = exporter.level
    logging.root.addHandler(nowhere)
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
        logging.root.removeHandler(nowhere)
