"""Many inferences on one gRPC stream, and recordings that arrive in pieces.

Requests with a ``sequence_id`` are pieces of one recording: each is answered with the transcript
of everything since the sequence's first. The model is run again over all of it for each piece, so
this is the simplest form of live recognition, and its cost grows with the square of the length.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from lab_kit.core.errors import INTERNAL_FAILURE, InvalidParameter, LabError, SystemOverloaded
from lab_kit.dialects.open_inference import protobuf
from lab_kit.dialects.open_inference.messages import InferRequest
from lab_kit.dialects.open_inference.options import URGENT, SequencePosition, extended, position_of
from lab_kit.dialects.open_inference.protobuf_messages import pb
from lab_kit.dialects.open_inference.tensors import Tensor
from lab_kit.gateway.door.body_memory import Share
from lab_kit.gateway.door.door import Admitted, Door, Leased
from lab_kit.gateway.door.uploads import Uploads
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.providers.open_inference.model import BareModel

AT_ONCE_BYTES = 4_096
"""Decoded on the event loop, in less than a millisecond whatever is in them; more goes to the
threads that prepare uploads."""


@dataclass(slots=True)
class _Sequence:
    """What arrived of a recording, and the version that hears it to its end.

    Attributes:
        inside: the way through the door, left when the sequence is over.
        held: what ``inputs`` take of the memory for uploads.
        inputs: everything since the first piece; of what came beside them nothing is kept.
        waited_s: how long the server has waited for the stream's messages since its latest piece.
    """

    inside: AsyncExitStack
    call: Leased
    held: Share
    inputs: tuple[Tensor, ...]
    waited_s: float = 0.0


class InferStream:
    """One stream, from its first message to its end; a context manager that frees its versions.

    Every message, or sequence of them, goes through the door by itself: a server that begins to
    refuse work refuses the next one, not the stream.

    Args:
        admitted: who opened it.
        uploads: whose memory holds what is kept of sequences, and whose workers read messages.
    """

    def __init__(
        self,
        door: Door,
        admitted: Admitted,
        model: BareModel,
        uploads: Uploads,
        failures: Failures,
    ) -> None:
        self._door = door
        self._call = admitted.call
        self._caller = admitted.caller
        self._model = model
        self._uploads = uploads
        self._failures = failures
        self._sequences: dict[int | str, _Sequence] = {}

    @property
    def has_sequences(self) -> bool:
        """Whether anything is kept of a recording in pieces."""
        return bool(self._sequences)

    async def waited(self, seconds: float, limit_s: float) -> None:
        """Forget recordings of which no piece came while the server waited for ``limit_s``."""
        for number, sequence in tuple(self._sequences.items()):
            sequence.waited_s += seconds
            if sequence.waited_s >= limit_s:
                await self._forget(number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sequence in tuple(self._sequences):
            await self._forget(sequence)

    async def answer(self, message: Any) -> Any:
        """A message's answer, or what was wrong with it; clients match them by their id."""
        try:
            request = await self._read(message)
            position = position_of(request)
            if position is None:
                response = await self._alone(message, request)
            else:
                response = await self._in_sequence(message, request, position)
        except LabError as error:
            return _failure(message, str(error))
        except Exception as error:
            self._failures.tell("ModelStreamInfer", error)
            return _failure(message, INTERNAL_FAILURE)
        response.parameters["triton_final_response"].bool_param = True
        return pb.ModelStreamInferResponse(infer_response=response)

    async def _read(self, message: Any) -> InferRequest:
        if message.ByteSize() <= AT_ONCE_BYTES:
            return protobuf.parse_request(message)
        # millions of values take seconds, which the event loop has for nobody
        read = partial(protobuf.parse_request, message)
        return await self._uploads.preparation.run(self._caller, read)

    async def _alone(self, message: Any, request: InferRequest) -> Any:
        async with self._door.open(self._call) as admitted:
            call = self._model.lease(admitted, message.model_name, message.model_version)
            answered = await self._model.infer(call, lambda: request)
        return protobuf.response_message(*answered)

    async def _in_sequence(
        self, message: Any, request: InferRequest, position: SequencePosition
    ) -> Any:
        sequence = await self._joined(message, request, position)
        is_over = True  # also when the model cannot take what has come together
        try:
            whole = replace(request, inputs=sequence.inputs)
            if position.is_last:  # somebody waits for it, as for a live stream's final
                whole = _urgent(whole)
            answered = await self._model.infer(sequence.call, lambda: whole)
            is_over = position.is_last
        finally:
            if is_over:
                await self._forget(position.sequence)
        return protobuf.response_message(*answered)

    async def _joined(
        self, message: Any, request: InferRequest, position: SequencePosition
    ) -> _Sequence:
        """The sequence with this piece in it."""
        if position.is_first:
            await self._forget(position.sequence)
            self._check_room()
            async with AsyncExitStack() as stack:
                admitted = await stack.enter_async_context(self._door.open(self._call))
                call = self._model.lease(admitted, message.model_name, message.model_version)
                held = stack.enter_context(self._uploads.memory.share(call.caller))
                held.hold(_tensor_bytes(request.inputs))
                sequence = _Sequence(stack.pop_all(), call, held, request.inputs)
                self._sequences[position.sequence] = sequence
        elif position.sequence not in self._sequences:
            raise InvalidParameter(
                f"sequence {position.sequence}, which has not begun or is over",
                "sequence_start with its first piece",
                "send sequence_start=true with the first piece",
            )
        else:
            so_far = self._sequences[position.sequence]
            so_far.held.hold(_tensor_bytes(so_far.inputs) + _tensor_bytes(request.inputs))
            so_far.waited_s = 0.0
            so_far.inputs = extended(so_far.inputs, request).inputs
        return self._sequences[position.sequence]

    def _check_room(self) -> None:
        most = self._model.most_sequences
        if len(self._sequences) >= most:
            raise SystemOverloaded(
                f"{most} sequences are open",
                f"at most {most}",
                "send sequence_end=true on one of them first",
            )

    async def _forget(self, sequence: int | str) -> None:
        known = self._sequences.pop(sequence, None)
        if known is not None:
            await known.inside.aclose()


def _tensor_bytes(inputs: tuple[Tensor, ...]) -> int:
    return sum(tensor.values.nbytes for tensor in inputs)


def _urgent(request: InferRequest) -> InferRequest:
    return replace(request, parameters={**request.parameters, "priority": URGENT})


def _failure(message: Any, text: str) -> Any:
    response = pb.ModelInferResponse(id=message.id)
    return pb.ModelStreamInferResponse(error_message=text, infer_response=response)
