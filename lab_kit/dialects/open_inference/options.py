"""What may be asked of a speech recognizer: sound and its rate in, one text out.

Clients look models up by the shapes of their tensors, so these stay as they are. Sound may arrive
in pieces, each a request of its own that says with its sequence's number where it stands: the first
one, the last one, or in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.resample import check_rate, to_model_rate
from lab_kit.core.errors import InvalidAudioFormat, InvalidParameter, PayloadTooLarge
from lab_kit.core.shown import shown
from lab_kit.dialects.open_inference.messages import InferRequest, ModelSpec, Parameter, TensorSpec
from lab_kit.dialects.open_inference.tensors import Tensor

INPUTS = (TensorSpec("AUDIO", "FP32", (-1,)), TensorSpec("SAMPLE_RATE", "INT32", (1,)))
OUTPUTS = (TensorSpec("TRANSCRIPT", "BYTES", (1,)),)
URGENT = 1
"""The value of the ``priority`` parameter that goes before everything; the protocol's highest."""


@dataclass(frozen=True, slots=True)
class SequencePosition:
    """Where a request stands in its sequence.

    Attributes:
        sequence: a number or a text other than 0 and "".
    """

    sequence: int | str
    is_first: bool
    is_last: bool


def speech_model(name: str, versions: tuple[str, ...], platform: str) -> ModelSpec:
    """A recognizer's metadata."""
    return ModelSpec(name, versions, platform, INPUTS, OUTPUTS)


def read_audio(request: InferRequest, longest_s: float) -> FloatArray:
    """The sound to transcribe.

    Args:
        longest_s: refuse more than this, before any of it is resampled.

    Returns:
        (samples,) float32 in [-1, 1] at 16 kHz.

    Raises:
        InvalidParameter: other inputs than the model's, or other datatypes or shapes.
        InvalidAudioFormat: no samples, or one that is infinite or not a number.
        UnsupportedSampleRate: see `audio.resample.check_rate`.
        PayloadTooLarge: longer than ``longest_s``.
    """
    given = _checked(request)
    rate_hz = int(given["SAMPLE_RATE"].values[0])
    check_rate(rate_hz)
    audio = given["AUDIO"].values
    if len(audio) > longest_s * rate_hz:
        raise PayloadTooLarge(
            f"AUDIO lasts {len(audio) / rate_hz:,.1f} s",
            f"the bare model takes at most {longest_s:.0f} s",
            "cut it, or send it to the API that cuts it at pauses",
        )
    if not len(audio) or not np.isfinite(audio).all():
        raise InvalidAudioFormat(
            "AUDIO holds no samples" if not len(audio) else "a sample is infinite or not a number",
            "floats in [-1, 1]",
            "check what was recorded and how it was scaled",
        )
    return to_model_rate(np.clip(audio, -1.0, 1.0), rate_hz)


MOST_SEQUENCE_CHARS = 128
"""Of a sequence's name, which is kept while the sequence is open, and told in errors."""
MOST_STEERING = 4_096
"""Characters of a draft or a context: many times the answer to the longest audio that is taken."""


def is_urgent(request: InferRequest) -> bool:
    """Whether the request's ``priority`` is 1; 0, the protocol's default, and the rest are not.

    Raises:
        InvalidParameter: it is no whole number from 0 up.
    """
    priority = request.parameters.get("priority", 0)
    if type(priority) is not int or priority < 0:
        raise InvalidParameter(
            f"priority {shown(priority)}",
            "0 (default) or 1 (urgent)",
            "send priority as the whole number 1, or leave it out",
        )
    return priority == URGENT


def read_draft(request: InferRequest) -> tuple[int, ...]:
    """The tokens that the answer probably begins with: the ``draft`` parameter, ``"17 4 9"``.

    Raises:
        InvalidParameter: it is no text of whole numbers.
    """
    draft = request.parameters.get("draft", "")
    parts = draft.split() if isinstance(draft, str) and len(draft) <= MOST_STEERING else [""]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise InvalidParameter(
            f"draft {shown(draft)}",
            f"token numbers with a space between, at most {MOST_STEERING:,} characters",
            "send what an answer's tokens were",
        )
    return tuple(int(part) for part in parts)


def read_context(request: InferRequest) -> str:
    """What was said before, or is likely to be: the ``context`` parameter.

    Raises:
        InvalidParameter: it is no text.
    """
    context = request.parameters.get("context", "")
    if not isinstance(context, str) or len(context) > MOST_STEERING:
        raise InvalidParameter(
            f"context {shown(context)}",
            f"a text of at most {MOST_STEERING:,} characters",
            "send context as a string parameter",
        )
    return context


def position_of(request: InferRequest) -> SequencePosition | None:
    """Where ``request`` stands; None if it belongs to no sequence."""
    sequence: Parameter = request.parameters.get("sequence_id", 0)
    is_long = isinstance(sequence, str) and len(sequence) > MOST_SEQUENCE_CHARS
    if is_long or not isinstance(sequence, int | str):
        raise InvalidParameter(
            f"sequence_id {shown(sequence)}",
            f"a number, or a text of at most {MOST_SEQUENCE_CHARS} characters",
            "send sequence_id as a whole number above 0 or as a short string",
        )
    if not sequence:
        return None
    return SequencePosition(
        sequence,
        bool(request.parameters.get("sequence_start", False)),
        bool(request.parameters.get("sequence_end", False)),
    )


def extended(so_far: Sequence[Tensor], piece: InferRequest) -> InferRequest:
    """The latest piece, asking for everything since the first.

    Args:
        so_far: the inputs that came before it.

    Raises:
        InvalidParameter: the pieces have other inputs than each other, or another sample rate.
    """
    old = {tensor.name: tensor for tensor in so_far}
    new = {tensor.name: tensor for tensor in piece.inputs}
    if old.keys() != new.keys() or not {"AUDIO", "SAMPLE_RATE"} <= new.keys():
        raise InvalidParameter(
            f"inputs {sorted(new)}",
            f"{sorted(old)} as before",
            "send AUDIO and SAMPLE_RATE with each piece",
        )
    if not np.array_equal(old["SAMPLE_RATE"].values, new["SAMPLE_RATE"].values):
        raise InvalidParameter("another SAMPLE_RATE", "one in a sequence", "begin a new sequence")
    if old["AUDIO"].datatype != new["AUDIO"].datatype:
        raise InvalidParameter(
            "AUDIO of another datatype",
            "one in a sequence",
            f"send every piece as {old['AUDIO'].datatype}",
        )
    sound = np.concatenate([old["AUDIO"].values.ravel(), new["AUDIO"].values.ravel()])
    audio = Tensor("AUDIO", new["AUDIO"].datatype, sound)
    return replace(piece, inputs=(audio, new["SAMPLE_RATE"]))


def _checked(request: InferRequest) -> dict[str, Tensor]:
    """The inputs by name, exactly the model's."""
    given = {tensor.name: tensor for tensor in request.inputs}
    names = sorted(tensor.name for tensor in request.inputs)
    if names != sorted(spec.name for spec in INPUTS):
        known = ", ".join(f"{spec.name} {spec.datatype} {list(spec.shape)}" for spec in INPUTS)
        raise InvalidParameter(f"inputs {names}", known, "send these two and no other")
    for spec in INPUTS:
        tensor = given[spec.name]
        fits = len(tensor.shape) == len(spec.shape) and all(
            wanted in (-1, size) for wanted, size in zip(spec.shape, tensor.shape, strict=True)
        )
        if tensor.datatype != spec.datatype or not fits:
            raise InvalidParameter(
                f"input '{spec.name}' is {tensor.datatype} {list(tensor.shape)}",
                f"{spec.datatype} {list(spec.shape)}",
                "convert the tensor to that datatype and shape (-1 stands for any length)",
            )
    return given
