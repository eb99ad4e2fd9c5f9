"""The two ways to stream, and what is asked of a signature at each.

Who calls is told by the access key id; the secret is the same key. So the door is asked with the
one, and the signature is checked with the other, before a place is taken or a body is read.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from lab_kit.audio.codecs import OPUS
from lab_kit.audio.ogg import OpusPackets
from lab_kit.core.errors import InvalidMessage, LabError, PayloadTooLarge
from lab_kit.core.events import Event, StreamOptions
from lab_kit.core.personal_data import joined, united
from lab_kit.dialects.amazon.errors import REQUEST_ID, ending, exception_frame, refusal
from lab_kit.dialects.amazon.options import (
    HEADER_PREFIX,
    HTTP_PATH,
    SOCKET_PATH,
    Asked,
    answer_headers,
    check_fields,
    fields_of_headers,
    fields_of_query,
    parse_fields,
)
from lab_kit.dialects.amazon.server import TranscriptWriter, sound_of
from lab_kit.dialects.amazon.signature import (
    ChunkSignatures,
    Headers,
    Signed,
    key_id_in_headers,
    key_id_in_query,
    signed_by_headers,
    signed_by_query,
)
from lab_kit.gateway.door.call import http_call, request_id_of
from lab_kit.gateway.door.door import Admitted, Door
from lab_kit.gateway.door.keys import ANYBODY
from lab_kit.gateway.live.live_stream import ClientGone, LiveStream
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.amazon.wires import MEDIA_TYPE, BodyWire, FrameSocketWire
from lab_kit.protocol.live import Audio, Control, Ending, Input
from lab_kit.stream.sink.steps import asked_for

MOST_PACKETS = 256
"""Of Opus in one event: as many as a page has, five seconds of 20 ms. An event of packets without
sound could hold a quarter of an hour."""


def amazon_routes(door: Door, streams: StreamServices, is_strict: bool) -> APIRouter:
    """The routes, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter()

    @router.post(
        HTTP_PATH,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
        response_class=Response,
    )
    async def transcribe() -> Response:
        """Amazon Transcribe's stream: signed frames with sound in the request, transcript events
        in the answer, while both flow. Clients speak HTTP/2, with TLS.
        """
        return _Transcription(door, streams, is_strict)

    @router.websocket(SOCKET_PATH)
    async def transcribe_socket(socket: WebSocket) -> None:
        await _over_socket(door, streams, is_strict, socket)

    return router


class _Transcription(Response):
    """The answer to a request, which is written while the request is read."""

    def __init__(self, door: Door, streams: StreamServices, is_strict: bool) -> None:
        super().__init__()
        self._door = door
        self._streams = streams
        self._is_strict = is_strict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream, or refuse it."""
        request = Request(scope)
        request_id = str(request_id_of(request))
        headers = _headers(scope)
        try:
            call = http_call(request, signed_as=key_id_in_headers(headers))
            async with self._door.open(call) as admitted:
                signed = signed_by_headers("POST", _path(scope), scope["query_string"], headers)
                signatures = _checked(signed, admitted)
                fields = fields_of_headers(request.headers)
                asked = _asked(fields, joined(request.query_params.multi_items()), self._is_strict)
                session_id = asked.session_id or str(uuid4())
                told = {REQUEST_ID: request_id, **answer_headers(fields, session_id)}
                wire = BodyWire(receive, send, told)
                await _stream(self._streams, admitted, asked, signatures, wire, must_sign=True)
        except LabError as error:
            refused = refusal(error, request_id)
            answer = JSONResponse(refused.body, refused.status, refused.headers)
            await answer(scope, receive, send)


async def _over_socket(
    door: Door, streams: StreamServices, is_strict: bool, socket: WebSocket
) -> None:
    """A browser cannot show why an upgrade is refused; so it is taken, and then told."""
    query = joined(socket.query_params.multi_items())
    header = (REQUEST_ID.encode(), str(request_id_of(socket)).encode())
    try:
        call = http_call(socket, signed_as=key_id_in_query(query))
        async with door.open(call) as admitted:
            scope = socket.scope
            signed = signed_by_query(_path(scope), scope["query_string"], _headers(scope))
            signatures = _checked(signed, admitted)
            fields = fields_of_query(query)
            asked = _asked(fields, query, is_strict)
            session_id = asked.session_id or str(uuid4())
            session = (f"{HEADER_PREFIX}session-id".encode(), session_id.encode())
            wire = FrameSocketWire(socket, headers=[header, session])
            await _stream(streams, admitted, asked, signatures, wire, must_sign=False)
    except LabError as error:
        wire = FrameSocketWire(socket, headers=[header])
        try:
            await wire.open()
            await wire.send(exception_frame(error, streams.limits.idle_s))
            await wire.close(ending(error))
        except ClientGone:
            pass  # nobody is left to be told


async def _stream(
    streams: StreamServices,
    admitted: Admitted,
    asked: Asked,
    signatures: ChunkSignatures,
    wire: BodyWire | FrameSocketWire,
    must_sign: bool,
) -> None:
    place = admitted.stream(asked.options.priority_class)
    version = place.lease.engine.model.version
    dialect = Transcribe(asked, version, signatures, streams.limits.idle_s, must_sign)
    stream = LiveStream(streams, place, wire, dialect)
    stream.begin()
    await stream.run()


class Transcribe:
    """The dialect as a live stream speaks it.

    Args:
        must_sign: whether each frame has to be signed.
    """

    def __init__(
        self,
        asked: Asked,
        version: str,
        signatures: ChunkSignatures,
        idle_s: float,
        must_sign: bool,
    ) -> None:
        self._asked = asked
        self._signatures = signatures
        self._idle_s = idle_s
        self._must_sign = must_sign
        self._opus = OpusPackets() if asked.options.encoding == OPUS else None
        self._writer = TranscriptWriter(asked, version, lambda: str(uuid4()))

    @property
    def options(self) -> StreamOptions:
        """What the request chose."""
        return self._asked.options

    def greet(self) -> Sequence[bytes]:
        """Nothing: the client speaks first."""
        return []

    def parse(self, message: bytes | str | None) -> Sequence[Input]:
        """Sound; none of it, or None for the end of a body, is the end."""
        if message is None:
            return [Control.CLOSE]
        if isinstance(message, str):
            raise InvalidMessage(
                "Unexpected WebSocket frame received.", "binary frames", "send events with sound"
            )
        sound = sound_of(message, self._signatures, time.time(), must_be_signed=self._must_sign)
        if not sound:
            return [Control.CLOSE]
        if self._opus is None:
            return [Audio(sound)]
        packets = self._opus.push(sound)
        if len(packets) > MOST_PACKETS:
            raise PayloadTooLarge(
                f"{len(packets):,} packets in one event",
                f"at most {MOST_PACKETS}",
                "send what was spoken since the last event, a page or less",
            )
        return [Audio(packet) for packet in packets]

    def render(self, event: Event, sent_ns: int) -> Sequence[bytes]:
        """One frame, or none."""
        frame = self._writer.frame(event, sent_ns)
        return [] if frame is None else [frame]

    def end(self, error: LabError | None) -> tuple[Sequence[bytes], Ending]:
        """The exception, if it is one."""
        if error is None:
            return [], Ending(1000, "")
        return [exception_frame(error, self._idle_s)], ending(error)


def _checked(signed: Signed, admitted: Admitted) -> ChunkSignatures:
    """The signatures of a stream whose request was signed by whom the door let in.

    Raises:
        InvalidSignature: it was not, or too long ago.
    """
    signed.check_time(time.time())
    # where nobody needs a key, nobody has a secret
    secret = None if admitted.principal.tenant == ANYBODY else signed.scope.key_id
    if secret is not None:
        signed.check(secret)
    return ChunkSignatures(signed, secret)


def _asked(fields: dict[str, str], query: dict[str, str], is_strict: bool) -> Asked:
    """What a stream is asked for, with our own steps, which any address may switch on.

    Raises:
        InvalidParameter: see `parse_fields` and `asked_for`.
    """
    if is_strict:
        check_fields(fields)
    asked = parse_fields(fields)
    steps = united(*asked.options.postprocess, *asked_for(query))
    return replace(asked, options=replace(asked.options, postprocess=steps))


def _headers(scope: Scope) -> Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


def _path(scope: Scope) -> str:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.partition(b"?")[0].decode("latin-1")
