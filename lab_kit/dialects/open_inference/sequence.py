"""Requests that belong together: sound that arrives in pieces, each with a sequence's number.

The protocol has the pieces as separate requests, and says with each where it stands: the first
one, the last one, or in between.
"""

from dataclasses import dataclass, replace

import numpy as np

from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.open_inference.messages import InferRequest, Parameter
from lab_kit.dialects.open_inference.tensors import Tensor


@dataclass(frozen=True, slots=True)
class SequencePosition:
    """Where a request stands in its sequence.

    Attributes:
        sequence: a number or a text other than 0 and "".
    """

    sequence: int | str
    is_first: bool
    is_last: bool


def position_of(request: InferRequest) -> SequencePosition | None:
    """Where ``request`` stands; None if it belongs to no sequence."""
    sequence: Parameter = request.parameters.get("sequence_id", 0)
    if not isinstance(sequence, int | str):
        raise InvalidParameter(f"sequence_id {sequence!r}", "a number or a text", "correct it")
    if not sequence:
        return None
    return SequencePosition(
        sequence,
        bool(request.parameters.get("sequence_start", False)),
        bool(request.parameters.get("sequence_end", False)),
    )


def extended(so_far: InferRequest, piece: InferRequest) -> InferRequest:
    """The latest piece, asking for everything since the first.

    Raises:
        InvalidParameter: the pieces have other inputs than each other, or another sample rate.
    """
    old = {tensor.name: tensor for tensor in so_far.inputs}
    new = {tensor.name: tensor for tensor in piece.inputs}
    if old.keys() != new.keys() or not {"AUDIO", "SAMPLE_RATE"} <= new.keys():
        raise InvalidParameter(f"inputs {sorted(new)}", f"{sorted(old)} as before", "send the same")
    if not np.array_equal(old["SAMPLE_RATE"].values, new["SAMPLE_RATE"].values):
        raise InvalidParameter("another SAMPLE_RATE", "one in a sequence", "begin a new sequence")
    if old["AUDIO"].datatype != new["AUDIO"].datatype:
        raise InvalidParameter("AUDIO of another datatype", "one in a sequence", "convert it")
    sound = np.concatenate([old["AUDIO"].values.ravel(), new["AUDIO"].values.ravel()])
    audio = Tensor("AUDIO", new["AUDIO"].datatype, sound)
    return replace(piece, inputs=(audio, new["SAMPLE_RATE"]))
