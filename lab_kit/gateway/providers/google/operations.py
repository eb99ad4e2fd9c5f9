"""Google's recordings that are transcribed while nobody waits, as operations of ours.

One that was asked for in other words is not seen here.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

from lab_kit.core.errors import OperationNotFound
from lab_kit.core.ids import StreamId, StreamIdentity
from lab_kit.database.rows import Rows
from lab_kit.dialects.google import long_running
from lab_kit.dialects.google.errors import operation_status
from lab_kit.dialects.google.long_running import PROVIDER, Asked, Ordered, parse_name, parse_request
from lab_kit.dialects.google.options import check_config
from lab_kit.dialects.google.versions import OPERATIONS, V1, longrunning
from lab_kit.gateway.door.call import REQUEST_ID
from lab_kit.gateway.door.calls import Calls
from lab_kit.gateway.door.door import Admitted
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.uploads import Uploads
from lab_kit.gateway.providers.google.recognize import asked_steps
from lab_kit.gateway.state.subjects import SUBJECT, subject_named
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.protocol.transcriptions import USUAL_TTL_S

_PIECE_BYTES = 1_000_000
"""Written at a time."""


def google_operation_methods(
    transcriber: Transcriber, limits: Limits, uploads: Uploads, calls: Calls, is_strict: bool
) -> dict[str, dict[str, Any]]:
    """The methods, by service.

    Args:
        is_strict: what is not imitated is refused.
    """
    recognize = LongRunningRecognize(transcriber, limits, uploads, calls, is_strict)
    operations = OperationsService(transcriber, calls)

    def unary(service: str, name: str, answer: Any) -> dict[str, Any]:
        return {name: calls.unary(f"/{service}/{name}", answer, operation_status)}

    return {
        V1.service: unary(V1.service, "LongRunningRecognize", recognize.serve),
        OPERATIONS: unary(OPERATIONS, "GetOperation", operations.get)
        | unary(OPERATIONS, "CancelOperation", operations.cancel),
    }


class LongRunningRecognize:
    """The method that takes a recording."""

    def __init__(
        self,
        transcriber: Transcriber,
        limits: Limits,
        uploads: Uploads,
        calls: Calls,
        is_strict: bool,
    ) -> None:
        self._transcriber = transcriber
        self._longest_s = limits.operation_audio_s
        self._memory = uploads.memory
        self._preparation = uploads.preparation
        self._calls = calls
        self._is_strict = is_strict

    async def serve(self, context: Any, admitted: Admitted) -> bytes:
        """Queue a recording, and answer its operation.

        Raises:
            LabError: it is refused.
        """
        admitted.check_operation()
        steps, caller = asked_steps(context), admitted.caller
        context.set_trailing_metadata(((REQUEST_ID, str(admitted.call.request_id)),))

        async def read(data: bytes) -> Ordered:
            if self._is_strict:
                check_config(V1, data, is_stream=False)
            work = partial(parse_request, data, self._longest_s)
            return await self._preparation.run(caller, work)

        ordered = await self._calls.message(context, caller, read)
        order = Order(
            admitted.principal.tenant,
            caller,
            StreamIdentity(admitted.call.request_id, StreamId.new()),
            steps,
            ordered.raw,
            foreign=Foreign(PROVIDER, ordered.asked.written()),
            subject=subject_named(dict(context.invocation_metadata() or ()).get(SUBJECT)),
        )

        def told(_: Rows, operation: Operation) -> bytes:
            return long_running.operation(
                ordered.asked, operation.number, operation.message(), None
            )

        with self._memory.share(caller) as share:
            share.hold(len(ordered.sound))
            sound = _pieces(ordered.sound)
            return await self._transcriber.take(order, USUAL_TTL_S, len(ordered.sound), sound, told)


class OperationsService:
    """The methods by which a caller asks how far one is, and ends it."""

    def __init__(self, transcriber: Transcriber, calls: Calls) -> None:
        self._transcriber = transcriber
        self._calls = calls

    async def get(self, context: Any, admitted: Admitted) -> bytes:
        """How far it is, and at the end what was said.

        Raises:
            OperationNotFound: the caller has none of that name.
        """
        number = await self._named(context, admitted, longrunning.GetOperationRequest)
        tenant = admitted.principal.tenant
        operation, transcription = await self._transcriber.operations.read(tenant, number)
        asked = _asked(operation)
        # on a thread: the words of hours take a while
        return await asyncio.to_thread(
            long_running.operation, asked, number, operation.message(), transcription
        )

    async def cancel(self, context: Any, admitted: Admitted) -> bytes:
        """End one without a result; of one that has ended nothing changes.

        Raises:
            OperationNotFound: the caller has none of that name.
        """
        number = await self._named(context, admitted, longrunning.CancelOperationRequest)
        tenant = admitted.principal.tenant
        _asked(await self._transcriber.operations.get(tenant, number))
        await self._transcriber.cancel(tenant, number)
        return b""

    async def _named(self, context: Any, admitted: Admitted, kind: Any) -> UUID:
        context.set_trailing_metadata(((REQUEST_ID, str(admitted.call.request_id)),))

        async def read(data: bytes) -> UUID:
            return parse_name(kind, data)

        return await self._calls.message(context, admitted.caller, read)


def _asked(operation: Operation) -> Asked:
    foreign = operation.order.foreign
    if foreign is None or foreign.provider != PROVIDER:
        raise OperationNotFound(
            operation.name, "one that was asked for here", "ask for it under /v1/operations"
        )
    return Asked.read(foreign.request)


async def _pieces(sound: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(sound), _PIECE_BYTES):
        yield sound[start : start + _PIECE_BYTES]
