"""What Moonshine's graphs are called, what they take and give, and how large they are.

Apart from `graph`, which writes them: whoever runs graphs that were written before needs no `onnx`,
whose import takes a twentieth of a second.
"""

LAYERS = 6
HEADS = 8
HEAD_WIDTH = 36
POSITIONS = 8_192
"""Rows of the table of rotations: the frames of 196 s of audio, far more tokens than those hold."""

_KINDS = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]
CROSS_NAMES = [f"cross.{kind}" for kind in _KINDS]
PAST_NAMES = [f"past.{kind}" for kind in _KINDS]
PRESENT_NAMES = [f"present.{kind}" for kind in _KINDS]

ALIGNING_HEADS = ((3, 5), (4, 7), (5, 6))
"""Layer and head of those whose attention follows the words through the sound best. Of the 48, on
the clips that settings may be chosen by: three do as well as the eight best."""
QUERY_NAMES = [f"query.{layer}" for layer, _ in ALIGNING_HEADS]

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
