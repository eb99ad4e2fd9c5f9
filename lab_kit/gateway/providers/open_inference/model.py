"""The bare model as the Open Inference Protocol's routes see it, whatever carries them.

One request is one decode: the audio goes to the engine as it is, without voice activity and
without cuts. So it is as fast and as exact as the model itself, and no better: silence is decoded
too, and audio longer than the model was made for is refused.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from lab_kit.core.errors import InvalidParameter, LabError, ModelNotFound
from lab_kit.core.events import PriorityClass
from lab_kit.core.shown import shown
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.open_inference.messages import (
    IndexEntry,
    InferRequest,
    InferResponse,
    ModelSpec,
)
from lab_kit.dialects.open_inference.options import (
    is_urgent,
    position_of,
    read_audio,
    read_context,
    read_draft,
    speech_model,
)
from lab_kit.dialects.open_inference.server import EXTENSIONS, transcript
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis, Priority
from lab_kit.gateway.door.door import Admitted, Door, Leased
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.work import CANCELLED, OK, Delivery, Ended, Reached
from lab_kit.gateway.versions.versions import Versions
from lab_kit.protocol.versions import VersionState, VersionStatus
from lab_kit.stream.sink.steps import STEPS

SERVER_VERSION = "0.1.0"
"""The package's; a source tree that nobody installed cannot look it up."""
LONGEST_S = 30.0
"""Whisper's window, and the longest audio that Moonshine was trained on
[Source: Jeffries et al., 2024, arXiv:2410.15608]."""
MAX_DIGITS = 9
"""Of a version's number."""
Prepared: TypeAlias = tuple[InferRequest, DecodeRequest]
"""A request without its inputs, and what the engine is asked for to answer it."""
_STATES = {
    VersionState.READY: "READY",
    VersionState.LOADING: "LOADING",
    VersionState.DRAINING: "UNLOADING",
}


def server_metadata() -> dict[str, Any]:
    """What the server is."""
    return {"name": "lab_kit", "version": SERVER_VERSION, "extensions": list(EXTENSIONS)}


class BareModel:
    """The model that a server serves, without voice activity and without cuts.

    Attributes:
        most_sequences: recordings in pieces that one stream may have open.
    """

    def __init__(
        self,
        door: Door,
        versions: Versions,
        limits: Limits,
        preparation: Preparation,
        listeners: Listeners,
    ) -> None:
        self.most_sequences = limits.streams
        self._door = door
        self._versions = versions
        self._longest_s = min(LONGEST_S, limits.recording_audio_s)
        self._preparation = preparation
        self._listeners = listeners

    def lease(self, admitted: Admitted, model: str, version: str | None) -> Leased:
        """The version that was asked for, or the one whose turn it is.

        Raises:
            ModelNotFound: this server has no such model, or the model no such version.
            ModelNotLoaded: it is not ready.
            SystemOverloaded: the server refuses everybody, or is stopping.
        """
        return admitted.inference(self._number(model, version))

    def is_ready(self, model: str, version: str | None) -> bool:
        """Whether that version of that model would be served now."""
        try:
            number = self._number(model, version)
            if number is None:
                return self._door.is_ready
            with self._versions.lease(number):
                return not self._door.is_draining
        except LabError:
            return False

    async def metadata(self, model: str, version: str | None) -> ModelSpec:
        """What the model takes and gives, and which of its versions are ready.

        Raises:
            ModelNotFound, ModelNotLoaded: see `lease`.
        """
        with self._versions.lease(self._number(model, version)) as lease:
            platform = lease.engine.model.architecture
        ready = [s.number for s in await self._statuses() if s.state is VersionState.READY]
        return speech_model(model, tuple(str(number) for number in ready), platform)

    async def index(self) -> list[IndexEntry]:
        """Every version in the repository."""
        return [
            IndexEntry(
                self._versions.model,
                str(status.number),
                _STATES.get(status.state, "UNAVAILABLE"),
                status.reason or ("" if status.state in _STATES else str(status.state)),
            )
            for status in await self._statuses()
        ]

    def prepare(self, request: InferRequest) -> Prepared:
        """What the engine is asked for; milliseconds of work, so not on the event loop.

        A request's ``priority`` parameter of 1 has it decoded like a live stream's final, before
        interims; without one it is decoded when the streams leave room. ``draft`` holds tokens that
        the answer probably begins with, ``context`` words that steer a model which takes such a
        prompt.

        Raises:
            InvalidParameter, InvalidAudioFormat, UnsupportedSampleRate, PayloadTooLarge: the
                request is not what the model takes.
        """
        refuse_steps([name for name in STEPS if name in request.parameters])
        urgent = is_urgent(request)
        # of the tensors nothing is kept while the engine works: they are longer than its audio
        return replace(request, inputs=()), DecodeRequest(
            read_audio(request, self._longest_s),
            Priority.FINAL,
            draft=read_draft(request),
            context=read_context(request),
            priority_class=PriorityClass.INTERACTIVE if urgent else PriorityClass.BATCH,
        )

    async def infer(
        self, call: Leased, read: Callable[[], InferRequest]
    ) -> tuple[InferRequest, InferResponse]:
        """Prepare a request in the caller's turn, and run the model once.

        Args:
            read: makes the request of what arrived, on a worker that prepares uploads.

        Raises:
            LabError: see `prepare` and `run`.
        """
        return await self.run(
            call, await self._preparation.run(call.caller, lambda: self.prepare(read()))
        )

    async def run(self, call: Leased, prepared: Prepared) -> tuple[InferRequest, InferResponse]:
        """Run the model once; whoever stops waiting takes the request out of the engine.

        Raises:
            SystemOverloaded: the engine's queue is full.
            QuotaExceeded, PayloadTooLarge: the caller has not enough compute left, now or ever.
            InferenceTimeout: its caller's time is over.
        """
        request, decode = prepared
        audio_s = len(decode.audio) / SAMPLE_RATE_HZ
        call.spending.hold(audio_s)
        self._listeners.opened(call.work)
        code, tokens = CANCELLED, 0
        try:
            timely = replace(decode, deadline_ns=call.deadline_ns)
            hypothesis = await _decoded(call.lease.engine, timely)
            self._listeners.delivered(call.work, Delivery(True, audio_s, until_s=audio_s))
            code, tokens = OK, len(hypothesis.tokens)
        except LabError as error:
            code = error.reason
            raise
        finally:
            done_s = audio_s if code == OK else 0.0
            call.spending.settle(done_s)
            spent_ns = call.spending.spent_ns
            reached = Reached(done_s, audio_s, done_s, tokens=tokens, compute_ns=spent_ns)
            self._listeners.ended(call.work, Ended(code, reached))
        return request, _response(self._versions.model, call.work.version, request, hypothesis)

    async def _statuses(self) -> list[VersionStatus]:
        """They are read from disk, which the event loop must not wait for."""
        return await asyncio.to_thread(self._versions.statuses)

    def _number(self, model: str, version: str | None) -> int | None:
        if model != self._versions.model:
            raise ModelNotFound(
                f"unknown model: {shown(model)} is not found",
                self._versions.model,
                f"ask for {self._versions.model}",
            )
        if not version:
            return None
        if not (version.isdecimal() and version.isascii() and len(version) <= MAX_DIGITS):
            raise ModelNotFound(
                f"version {shown(version)} of {shown(model)}",
                "a number",
                "ask for a version in the repository index",
            )
        return int(version)


async def _decoded(engine: Engine, decode: DecodeRequest) -> Hypothesis:
    """The engine's answer; whoever stops waiting takes the request out of it."""
    ticket = engine.submit(decode)
    try:
        return await asyncio.wrap_future(ticket.future)
    finally:
        engine.cancel(ticket)  # of no effect on one that is done


def alone(request: InferRequest) -> InferRequest:
    """The request, which must not be a piece of a sequence: only a gRPC stream keeps those.

    Raises:
        InvalidParameter: it is one.
    """
    if position_of(request) is not None:
        raise InvalidParameter(
            "a piece of a sequence", "a whole recording", "send pieces on a gRPC stream"
        )
    return request


def refuse_steps(asked: Sequence[str]) -> None:
    """The model's own words and tokens leave here, which no step could take anything out of.

    Raises:
        InvalidParameter: a step is asked for.
    """
    if asked:
        raise InvalidParameter(
            f"the parameter {', '.join(asked)}",
            "a request without: the bare model gives its words and tokens as they are",
            "send the audio to /v1/audio:transcribe, which takes these in its query",
        )


def _response(
    model: str, version: int, request: InferRequest, hypothesis: Hypothesis
) -> InferResponse:
    return InferResponse(
        model_name=model,
        model_version=str(version),
        outputs=(transcript(hypothesis.text),),
        id=request.id,
        parameters={
            "queue_ns": hypothesis.started_ns - hypothesis.submitted_ns,
            "compute_ns": hypothesis.compute_ns,
            "tokens": " ".join(map(str, hypothesis.tokens)),
            "steps": hypothesis.steps,
            "drafted": hypothesis.drafted,
            "accepted": hypothesis.accepted,
            "reused": hypothesis.reused,
            "preempted": hypothesis.preempted,
        },
    )
