"""AssemblyAI's API of recordings: sent ahead, asked for by an address, read once they are there.

A transcript is an operation of ours, seen in the provider's words; one that was asked for in other
words is not seen here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from lab_kit.core.errors import OperationNotFound
from lab_kit.core.ids import StreamId, StreamIdentity
from lab_kit.core.personal_data import joined, united
from lab_kit.database.rows import Rows
from lab_kit.dialects.assemblyai import server
from lab_kit.dialects.assemblyai.options import (
    PATH,
    PROVIDER,
    STATUSES,
    UPLOAD_PATH,
    Asked,
    parse_request,
)
from lab_kit.dialects.assemblyai.queries import (
    LARGEST_LIMIT,
    USUAL_LIMIT,
    parse_chars,
    parse_listing,
    parse_transcript_id,
    parse_words,
)
from lab_kit.dialects.assemblyai.redaction import substituted
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Admitted, Door, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.outbound.guarded import parsed
from lab_kit.gateway.providers.assemblyai.errors import AssemblyAIErrors
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order, RedactedSound
from lab_kit.gateway.transcriptions.paging import Query
from lab_kit.gateway.transcriptions.redacted_file import file_response
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.gateway.webhooks.callbacks import Callbacks
from lab_kit.protocol import operations as told
from lab_kit.protocol.captions import srt, vtt
from lab_kit.protocol.transcriptions import USUAL_TTL_S, Transcription
from lab_kit.stream.sink.sound import SILENCE, TONE
from lab_kit.stream.sink.steps import asked_for

_TEXT: dict[str, Any] = {"type": "string"}
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {**_TEXT, "format": "binary"}}},
    }
}
_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["audio_url"],
                    "properties": dict.fromkeys(("audio_url", "webhook_url"), _TEXT),
                }
            }
        },
    }
}
"""What the framework cannot see, since bodies and queries are read by the dialect."""


def _queried(**schemas: dict[str, Any]) -> dict[str, Any]:
    """The same of a query: its parameters, by name."""
    return {
        "parameters": [
            {"name": name, "in": "query", "schema": one} for name, one in schemas.items()
        ]
    }


_CHARS = _queried(chars_per_caption={"type": "integer", "minimum": 1})
_WORDS = _queried(words=_TEXT)
_LISTING = _queried(
    limit={"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": USUAL_LIMIT},
    status={**_TEXT, "enum": list(STATUSES)},
    created_on={**_TEXT, "format": "date"},
    before_id=_TEXT,
    after_id=_TEXT,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A transcript of the caller's: what was asked for, how far it is, and what came of it."""

    number: UUID
    asked: Asked
    operation: told.Operation
    transcription: Transcription | None

    def completed(self) -> Transcription:
        """What came of it; see `server.completed`."""
        return server.completed(self.operation, self.transcription)


def assemblyai_routes(door: Door, transcriber: Transcriber, callbacks: Callbacks) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(route_class=AssemblyAIErrors, responses=REFUSED)
    operations = transcriber.operations

    async def enter(request: Request) -> AsyncIterator[Admitted]:
        async with door.open(http_call(request)) as admitted:
            yield admitted

    async def enter_with_work(request: Request) -> AsyncIterator[Admitted]:
        async with door.open(http_call(request)) as admitted:
            admitted.check_operation()
            yield admitted

    inside = Annotated[Admitted, Depends(enter)]
    working = Annotated[Admitted, Depends(enter_with_work)]

    async def find(transcript: str, admitted: inside) -> Found:
        number = parse_transcript_id(transcript)
        operation, said = await operations.read(admitted.principal.tenant, number)
        asked = _asked(operation)
        if said is not None and asked.redact_pii:
            said = await asyncio.to_thread(substituted, said, asked.redact_pii_sub)
        return Found(number, asked, operation.message(), said)

    one = Annotated[Found, Depends(find)]

    @router.post(UPLOAD_PATH, openapi_extra=_UPLOAD)
    async def upload(request: Request, admitted: working) -> dict[str, str]:
        """Send a recording ahead; transcripts of it may be asked for within an hour."""
        declared_bytes = int(request.headers.get("content-length", 0))
        number = await transcriber.keep_upload(
            admitted.principal.tenant,
            admitted.caller,
            declared_bytes,
            request.stream(),
            admitted.call.subject,
        )
        return {"upload_url": f"{_url(request)}{UPLOAD_PATH}/{number}"}

    @router.post(PATH, openapi_extra=_REQUEST)
    async def create(request: Request, admitted: working) -> Response:
        """Ask for the transcript of an upload, or of a recording at an address."""
        steps = asked_for(joined(request.query_params.multi_items()))
        asked = parse_request(await small_body(request, MAX_SMALL_BODY_BYTES))
        if asked.webhook_url is not None:
            parsed(asked.webhook_url)
        order = Order(
            admitted.principal.tenant,
            admitted.caller,
            StreamIdentity(admitted.call.request_id, StreamId.new()),
            united(*asked.steps, *steps),
            foreign=Foreign(PROVIDER, asked.written()),
            from_s=(asked.audio_start_from or 0) / 1_000,
            to_s=None if asked.audio_end_at is None else asked.audio_end_at / 1_000,
            subject=admitted.call.subject,
            redacted=_redacted(asked),
        )

        def answered(_: Rows, operation: Operation) -> Response:
            return JSONResponse(server.transcript(asked, operation.message(), None))

        if asked.upload is not None:
            return await transcriber.take_upload(order, USUAL_TTL_S, asked.upload, answered)
        parsed(asked.audio_url)
        return await transcriber.take_address(
            replace(order, url=asked.audio_url), USUAL_TTL_S, answered
        )

    @router.get(PATH, openapi_extra=_LISTING)
    async def list_transcripts(request: Request, admitted: inside) -> Response:
        """The caller's transcripts, the newest first."""
        asked, url = parse_listing(request.query_params), _url(request)
        before, after = asked.before_id, asked.after_id
        query = Query.of_provider(
            PROVIDER, asked.limit, asked.states, asked.created_ms, before, after
        )
        page = await operations.page(admitted.principal.tenant, query)
        newest_first = page.operations if query.is_newest_first else page.operations[::-1]
        has_more = bool(page.next_token)
        return await _written(
            lambda: server.page(
                [server.listed(_asked(each), each.message(), url) for each in newest_first],
                url,
                dict(request.query_params),
                asked.limit,
                has_older=has_more if query.is_newest_first else True,
                has_newer=before is not None if query.is_newest_first else has_more,
            )
        )

    @router.get(PATH + "/{transcript}")
    async def get_transcript(found: one) -> Response:
        """How far it is, and at the end what was said."""
        has_webhook = found.asked.webhook_url is not None
        status = await callbacks.answered(found.number) if has_webhook else None
        return await _written(
            lambda: server.transcript(found.asked, found.operation, found.transcription, status)
        )

    @router.delete(PATH + "/{transcript}")
    async def delete_transcript(found: one, admitted: inside) -> Response:
        """Remove every word of one that has ended, and the upload that it was of."""
        tenant, left = admitted.principal.tenant, found.asked.without_addresses()
        foreign = Foreign(PROVIDER, left.written())
        deleted = await transcriber.delete_words(tenant, found.number, foreign)
        if found.asked.upload is not None:
            await transcriber.delete_upload(tenant, found.asked.upload)
        return JSONResponse(server.transcript(left, deleted.message(), None))

    @router.get(PATH + "/{transcript}/sentences")
    async def get_sentences(found: one) -> Response:
        """What was said, in sentences."""
        transcription = found.completed()
        return await _written(lambda: server.in_sentences(transcription))

    @router.get(PATH + "/{transcript}/paragraphs")
    async def get_paragraphs(found: one) -> Response:
        """What was said, in paragraphs."""
        transcription = found.completed()
        return await _written(lambda: server.in_paragraphs(transcription))

    @router.get(PATH + "/{transcript}/srt", openapi_extra=_CHARS)
    async def get_srt(request: Request, found: one) -> Response:
        """Captions, as SubRip writes them."""
        said, most_chars = found.completed().segments, parse_chars(request.query_params)
        return PlainTextResponse(await asyncio.to_thread(srt, said, most_chars))

    @router.get(PATH + "/{transcript}/vtt", openapi_extra=_CHARS)
    async def get_vtt(request: Request, found: one) -> Response:
        """Captions, as browsers read them."""
        said, most_chars = found.completed().segments, parse_chars(request.query_params)
        return PlainTextResponse(await asyncio.to_thread(vtt, said, most_chars))

    @router.get(PATH + "/{transcript}/redacted-audio")
    async def get_redacted_audio(request: Request, found: one, admitted: inside) -> Response:
        """Where its sound is without personal data, for whoever fetches it within an hour."""
        if not found.operation.done and found.asked.redact_pii_audio:
            return JSONResponse(server.redacted_audio(found.operation, None), 202)
        tenant = admitted.principal.tenant
        signed = await transcriber.redacted.signed(tenant, found.number)
        url = f"{_url(request)}{PATH}/{found.number}/redacted-audio/{signed}"
        return JSONResponse(server.redacted_audio(found.operation, url))

    @router.get(PATH + "/{transcript}/redacted-audio/{signed}")
    async def get_redacted_file(transcript: str, signed: str) -> Response:
        """The sound itself; the address shows that its caller was given it."""
        number = parse_transcript_id(transcript)
        return file_response(await transcriber.redacted.open_signed(number, signed), {})

    @router.get(PATH + "/{transcript}/word-search", openapi_extra=_WORDS)
    async def search_words(request: Request, found: one) -> Response:
        """Where words and phrases are in it."""
        transcription = found.completed()
        phrases = parse_words(",".join(request.query_params.getlist("words")))
        return await _written(lambda: server.found(transcription, phrases))

    return router


async def _written(make: Callable[[], dict[str, Any]]) -> Response:
    """The body as JSON, made on a thread: the words of hours take a while, and so may what many
    transcripts were asked for with."""
    body = await asyncio.to_thread(lambda: orjson.dumps(make()))
    return Response(body, media_type="application/json")


def _redacted(asked: Asked) -> RedactedSound | None:
    """How the sound is to be given back."""
    if not asked.redact_pii_audio:
        return None
    return RedactedSound(TONE if asked.is_beeped else SILENCE, asked.audio_quality)


def _asked(operation: Operation) -> Asked:
    """What a transcript was asked for with.

    Raises:
        OperationNotFound: it was asked for in other words.
    """
    foreign = operation.order.foreign
    if foreign is None or foreign.provider != PROVIDER:
        raise OperationNotFound(
            operation.name, "one that was asked for here", "ask for it under /v1/operations"
        )
    return Asked.read(foreign.request)


def _url(request: Request) -> str:
    """The server's address as its caller knows it."""
    return str(request.base_url).rstrip("/")
