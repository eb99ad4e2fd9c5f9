"""The application: its routes as a list, and what every answer has in common."""

from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from lab_kit.core.errors import (
    InvalidParameter,
    LabError,
    MethodNotAllowed,
    UnknownPath,
)
from lab_kit.core.ids import RequestId
from lab_kit.dialects import deepgram
from lab_kit.gateway.api.deprecations import TellDeprecations
from lab_kit.gateway.api.errors import error_response
from lab_kit.gateway.api.models import model_routes
from lab_kit.gateway.api.oauth import oauth_routes
from lab_kit.gateway.api.operations import operation_routes
from lab_kit.gateway.api.recordings import recording_routes
from lab_kit.gateway.api.redacted_sound import redacted_sound_routes
from lab_kit.gateway.api.speech import speech_routes
from lab_kit.gateway.api.streams import stream_routes
from lab_kit.gateway.api.transcriptions import transcription_routes
from lab_kit.gateway.api.webhooks import webhook_routes
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.foreign_pages import RefuseForeignPages
from lab_kit.gateway.door.identify import IdentifyCalls
from lab_kit.gateway.door.quota import TellQuota
from lab_kit.gateway.door.uploads import CLIENT_CLOSED
from lab_kit.gateway.observe.failures import EndFailedCalls
from lab_kit.gateway.observe.middleware import TimeRequests, TraceRequests
from lab_kit.gateway.operator.audit_api import audit_routes
from lab_kit.gateway.operator.degradation_api import degradation_routes
from lab_kit.gateway.operator.deprecations_api import deprecation_routes
from lab_kit.gateway.operator.keys_api import key_routes
from lab_kit.gateway.operator.sandbox_api import sandbox_routes
from lab_kit.gateway.operator.subjects_api import subject_routes
from lab_kit.gateway.operator.tenants_api import tenant_routes
from lab_kit.gateway.operator.versions_api import version_routes
from lab_kit.gateway.providers.amazon.transcribe import amazon_routes
from lab_kit.gateway.providers.assemblyai.streaming import assemblyai_streaming_routes
from lab_kit.gateway.providers.assemblyai.transcripts import assemblyai_routes
from lab_kit.gateway.providers.deepgram.listen import listen_routes
from lab_kit.gateway.providers.deepgram.prerecorded import prerecorded_routes
from lab_kit.gateway.providers.deepgram.rtc_route import rtc_routes
from lab_kit.gateway.providers.deepgram.speak import speak_routes
from lab_kit.gateway.providers.deepgram.speak_socket import speak_socket_routes
from lab_kit.gateway.providers.elevenlabs.catalog import elevenlabs_catalog_routes
from lab_kit.gateway.providers.elevenlabs.errors import refused as elevenlabs_refusal
from lab_kit.gateway.providers.elevenlabs.realtime import elevenlabs_realtime_routes
from lab_kit.gateway.providers.elevenlabs.recording import elevenlabs_recording_routes
from lab_kit.gateway.providers.elevenlabs.speech import elevenlabs_speech_routes
from lab_kit.gateway.providers.elevenlabs.stream_input import elevenlabs_stream_input_routes
from lab_kit.gateway.providers.open_inference.http import open_inference_routes
from lab_kit.gateway.providers.openai.realtime import openai_realtime_routes
from lab_kit.gateway.providers.openai.speech import openai_speech_routes
from lab_kit.gateway.providers.openai.transcriptions import openai_upload_routes
from lab_kit.gateway.providers.openai.transcriptions import refusal as openai_refusal
from lab_kit.gateway.providers.openmeter.errors import refused as openmeter_refusal
from lab_kit.gateway.providers.openmeter.meters import openmeter_routes
from lab_kit.gateway.providers.stripe.billing import stripe_routes
from lab_kit.gateway.providers.stripe.errors import refused as stripe_refusal
from lab_kit.gateway.run.documents import describe, documentation_routes
from lab_kit.gateway.run.front_page import front_page_routes
from lab_kit.gateway.run.health import health_routes, readiness
from lab_kit.gateway.run.pages import SecureAnswers
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.sandbox.watch import WatchExchanges

_OPENAIS = (
    *("/v1/audio/", "/v1/realtime", "/v1/chat/", "/v1/responses", "/v1/embeddings"),
    *("/v1/images/", "/v1/files", "/v1/batches", "/v1/moderations"),
)
_DEEPGRAMS = (
    *("/v1/listen", "/v2/listen", "/v1/speak", "/v1/read", "/v1/agent", "/v1/auth/"),
    "/v1/projects",
)
_ELEVENLABS = (
    *("/v1/text-to-speech", "/v1/speech-to-text", "/v1/voices", "/v2/voices", "/v1/history"),
    *("/v1/speech-to-speech", "/v1/sound-generation", "/v1/audio-isolation", "/v1/user"),
    *("/v1/text-to-voice", "/v1/text-to-dialogue", "/v1/forced-alignment", "/v1/convai"),
    *("/v1/dubbing", "/v1/music", "/v1/pronunciation-dictionaries", "/v1/single-use-token"),
)
_OPENMETERS, _STRIPES = ("/api/",), ("/v1/billing/", "/v2/billing/")
_TEXT_ERRORS = ("/v2/", "/v3/")
"""Paths, by how they begin, that a provider has; what is not served there is refused in its words.
Under the last two are the Open Inference Protocol, AssemblyAI's transcripts and its streaming. In
all of them, ``error`` is a text."""
_OWN = "/v2/audio:"
"""Among those under ``/v2/``, what is ours."""


def create_app(
    server: Server, is_local: bool = False, allowed_origins: tuple[str, ...] = ()
) -> FastAPI:
    """Build the application on the server's parts; nothing is loaded or started here.

    Args:
        is_local: it listens on this machine alone, so that no other name for it can be right.
        allowed_origins: pages of elsewhere that may call.
    """
    app = FastAPI(
        title="lab_kit",
        description="Speech recognition, with an API of its own and those of several providers.",
        docs_url=None,
        redoc_url=None,
    )
    describe(app)
    door, streams, limits = server.door, server.streams, server.limits
    versions, watch, metrics = server.versions, server.watch, server.metrics
    state = partial(readiness, door, versions, watch, server.background, lambda: server.ports)
    for router in (
        front_page_routes(state),
        health_routes(state, metrics),
        elevenlabs_catalog_routes(door, versions),  # before the models: it shares their path
        model_routes(door, versions),
        recording_routes(
            door,
            limits,
            server.uploads,
            server.recognition,
            server.answers,
            server.deprecations,
        ),
        oauth_routes(door, server.token_keys),
        redacted_sound_routes(door, limits, server.uploads, server.recognition),
        speech_routes(door, server.voice, server.answers),
        transcription_routes(door, server.transcriber, server.answers),
        operation_routes(door, server.transcriber),
        webhook_routes(door, server.webhooks),
        stream_routes(door, server.sessions),
        listen_routes(door, streams, server.is_strict),
        prerecorded_routes(
            door,
            limits,
            server.uploads,
            server.recognition,
            server.outbound,
            server.transcriber,
            server.is_strict,
        ),
        speak_routes(door, server.voice),
        speak_socket_routes(door, limits, server.voice),
        version_routes(door, versions),
        degradation_routes(door, watch, server.steps, server.dead_letters),
        sandbox_routes(door),
        key_routes(door, server.api_keys, server.token_keys),
        tenant_routes(door),
        subject_routes(door, server.stored),
        audit_routes(door),
        deprecation_routes(door, server.deprecations),
        open_inference_routes(door, server.bare_model, server.uploads, server.failures),
        openai_upload_routes(door, limits, server.uploads, server.recognition, server.is_strict),
        openai_speech_routes(door, server.voice),
        openai_realtime_routes(door, streams, server.talk, server.is_strict),
        amazon_routes(door, streams, server.is_strict),
        assemblyai_routes(door, server.transcriber, server.callbacks),
        elevenlabs_speech_routes(door, server.voice, server.is_strict),
        elevenlabs_recording_routes(
            door, limits, server.uploads, server.recognition, server.is_strict
        ),
        elevenlabs_realtime_routes(door, streams, server.is_strict),
        elevenlabs_stream_input_routes(door, limits, server.voice, server.is_strict),
        assemblyai_streaming_routes(door, streams, server.is_strict),
        openmeter_routes(door, server.metered),
        stripe_routes(door, server.metered, server.answers),
        rtc_routes(door, streams, server.failures),
        documentation_routes(),
    ):
        app.include_router(router)
    app.add_exception_handler(LabError, _refuse)
    app.add_exception_handler(RequestValidationError, _correct)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(ClientDisconnect, _note_hang_up)
    app.add_middleware(
        RefuseForeignPages, keys=door.keys, is_local=is_local, allowed=allowed_origins
    )
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=allowed_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
    # the last one added is the outermost: durations need the trace that is around them, and what
    # failed is counted with its status
    app.add_middleware(EndFailedCalls, failures=server.failures)
    app.add_middleware(TellDeprecations, deprecations=server.deprecations)
    app.add_middleware(TimeRequests, metrics=metrics)
    app.add_middleware(TraceRequests, tracer=server.spans.tracer)
    app.add_middleware(TellQuota, keys=door.keys, compute=door.compute)
    app.add_middleware(WatchExchanges, keys=door.sandbox_keys)
    app.add_middleware(SecureAnswers)
    app.add_middleware(IdentifyCalls)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, LabError)
    return error_response(error, request_id_of(request))


async def _correct(request: Request, error: Exception) -> Response:
    """What the framework found wrong with a request, in the same envelope."""
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{' '.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    refusal = InvalidParameter(
        wrong, "a request that fits the schema", "send these fields as the schema has them"
    )
    return error_response(refusal, request_id_of(request))


async def _answer(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself, in the form of what is served beside it."""
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    refusal_headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            imitated = ", which is not imitated here" if _provider(path) else ""
            refusal: LabError = UnknownPath(
                f"the path {path}{imitated}",
                "one that is served",
                "see /openapi.json for those that are",
            )
        case 405:
            allowed = _allowed(request)
            refusal = MethodNotAllowed(
                f"{request.method} of {path}", allowed, "use what is allowed there"
            )
            refusal_headers["allow"] = allowed
        case _:
            refusal = InvalidParameter(
                str(error.detail)[:200], "a request that fits", "see /openapi.json"
            )
    answer = _refused_at(path, refusal, request_id_of(request))
    answer.headers.update(refusal_headers)
    return answer


def _provider(path: str) -> bool:
    """Whether a provider has such a path."""
    if path.startswith(_OWN):
        return False
    return path.startswith(
        (*_OPENAIS, *_DEEPGRAMS, *_ELEVENLABS, *_OPENMETERS, *_STRIPES, *_TEXT_ERRORS)
    )


def _refused_at(path: str, error: LabError, request_id: RequestId) -> Response:
    """The refusal in the words of whose path it is."""
    if path.startswith(_OPENAIS):
        return openai_refusal(error, request_id)
    if path.startswith(_DEEPGRAMS):
        refused = deepgram.refusal(error, str(request_id))
        return JSONResponse(refused.body, refused.status, refused.headers)
    if path.startswith(_ELEVENLABS):
        return elevenlabs_refusal(error)
    if path.startswith(_STRIPES):
        return stripe_refusal(error, request_id)
    if path.startswith(_OPENMETERS):
        return openmeter_refusal(error, request_id)
    if path.startswith(_TEXT_ERRORS) and not path.startswith(_OWN):
        return JSONResponse({"error": str(error)}, error.http_status)
    return error_response(error, request_id)


def _allowed(request: Request) -> str:
    """The methods of a path, of all its routes; the framework names those of the first alone.

    Where templates overlap, as ``{operation}`` and ``{operation}:cancel``, the longest is meant.
    """
    methods: dict[str, set[str]] = {}
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        fits, _ = route.matches(request.scope)
        if fits is not Match.NONE and context.path is not None:
            methods.setdefault(context.path, set()).update(context.methods or ())
    return ", ".join(sorted(methods[max(methods, key=len)])) if methods else "another method"


async def _note_hang_up(_: Request, __: Exception) -> Response:
    """Nobody is left to read it, but it is counted."""
    return Response(status_code=CLIENT_CLOSED)
