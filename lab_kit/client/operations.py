"""The operator's side of a server: which versions it has, which answer, and how they compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from lab_kit.client.requests import refused, unreachable
from lab_kit.core.errors import (
    InvalidParameter,
    LabError,
    OperatorLocked,
    Unauthenticated,
    VersionConflict,
    VersionFailed,
    VersionNotFound,
)

PREFIX = "/operator"
_TIMEOUT_S = 120.0
"""A large model on a slow disk is loaded within it."""
_REFUSALS: tuple[type[LabError], ...] = (
    InvalidParameter,
    OperatorLocked,
    Unauthenticated,
    VersionConflict,
    VersionFailed,
    VersionNotFound,
)


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version on the server.

    Attributes:
        state: ``unloaded``, ``loading``, ``ready``, ``draining`` or ``failed``.
        labels: which of ``production``, ``canary`` and ``shadow`` it carries.
        share: the canary's share of new streams; None for every other version.
        reason: why it failed; empty otherwise.
        settings: what differs from the model's own, by name.
        published: when, in UTC, as ISO 8601.
        in_flight: streams and requests that it serves.
    """

    number: int
    state: str
    labels: tuple[str, ...]
    share: float | None
    reason: str
    settings: Mapping[str, Any]
    published: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class CacheFrame:
    """A decoder's cache at one moment.

    Attributes:
        at_ns: when, on the server's monotonic clock.
        reserved: slots given to sequences; a shared one counts once.
        written: of those, holding a token.
        runs: adjacent slots with one owner, as (owner, slots): the number of a sequence, 0 where
            they are free, -1 where several share them, -2 where they are kept in case the same
            tokens come again.
    """

    at_ns: int
    reserved: int
    written: int
    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CacheUse:
    """A decoder's cache: what it costs, and how it was used.

    Attributes:
        bytes_per_token: keys and values of one token of text, all layers together.
        bytes_per_audio_s: what a second of encoded audio adds while its sequence lives.
        slots: tokens that the cache holds; 0 where the runtime allocates as it goes.
        frames: one after each step of the decoder, oldest first.
    """

    bytes_per_token: int
    bytes_per_audio_s: int
    slots: int
    frames: tuple[CacheFrame, ...]

    @property
    def waste(self) -> float:
        """Share of the reserved slots that held nothing, over all frames, in [0, 1]."""
        reserved = sum(frame.reserved for frame in self.frames)
        written = sum(frame.written for frame in self.frames)
        return 1 - written / reserved if reserved else 0.0

    @property
    def fullest(self) -> CacheFrame | None:
        """The first frame with most slots reserved."""
        return max(self.frames, key=lambda frame: frame.reserved, default=None)


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """Two answers to the same audio, of which the caller got production's.

    Attributes:
        word_error_rate: of ``shadow`` against ``production``; None where production heard no word.
    """

    audio_s: float
    production: str
    shadow: str
    word_error_rate: float | None


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How the shadow compares with production.

    Attributes:
        same, different: by their words; case and punctuation do not count.
        skipped: not asked, because the shadow had enough to do.
        failed: the shadow raised an error.
        word_error_rate: mean over the compared pairs in which production heard a word; None
            before the first.
        pairs: the last that differ, newest last.
    """

    version: int
    same: int
    different: int
    skipped: int
    failed: int
    word_error_rate: float | None
    pairs: tuple[ShadowPair, ...]

    @property
    def compared(self) -> int:
        """Pairs that were compared."""
        return self.same + self.different


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A step of the service level.

    Attributes:
        at_s: on the server's monotonic clock.
        before, after: 0 is full service; see ``lab_kit.capacity.degradation.Level``.
        pressure: that decided it; 1 is exactly at a limit.
    """

    at_s: float
    before: int
    after: int
    pressure: float


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """How far the service is reduced, and why.

    Attributes:
        level, name: 0 is ``full``.
        signals, thresholds: what is seen, and what of it counts as too much.
        workers_a_stream: of the engine's, that a stream keeps busy on average.
        capacity: streams that fit; None in the server's first moment.
        changes: the last steps, oldest first.
    """

    level: int
    name: str
    pressure: float
    signals: Mapping[str, Any]
    thresholds: Mapping[str, float]
    open_streams: int
    workers_a_stream: float
    capacity: int | None
    changes: tuple[LevelChange, ...]


class Operator:
    """Whoever holds a server's operator key.

    Every method raises `Unauthenticated` for a wrong key, `OperatorLocked` for a server without
    one, `ConnectionFailed` where the server cannot be reached, and what it names itself.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Token {key}"}

    async def versions(self) -> list[VersionState]:
        """Every version in the server's repository, in order."""
        answer = await self._ask("GET", "/versions")
        return [_version(version) for version in answer["versions"]]

    async def load(self, version: int) -> VersionState:
        """Load a version; returns when it is ready.

        Raises:
            VersionNotFound, VersionFailed: there is none, or it cannot be served; says why.
        """
        return _version(await self._ask("POST", f"/versions/{version}/load?wait=true"))

    async def unload(self, version: int) -> VersionState:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionConflict: it carries a label.
        """
        return _version(await self._ask("POST", f"/versions/{version}/unload"))

    async def label(self, label: str, version: int, share: float | None = None) -> VersionState:
        """Move a label to a version that is ready; new streams follow it from now on.

        Args:
            label: ``production``, ``canary`` or ``shadow``.
            share: of new streams and requests, for the canary.

        Raises:
            VersionConflict: the version is not ready.
            InvalidParameter: no such label, or a share that is missing or out of place.
        """
        body = {"version": version, "share": share}
        return _version(await self._ask("PUT", f"/labels/{label}", body))

    async def unlabel(self, label: str) -> None:
        """Take the canary's or the shadow's label off."""
        await self._ask("DELETE", f"/labels/{label}")

    async def shadow(self) -> ShadowReport:
        """How the shadow compares so far.

        Raises:
            VersionNotFound: no version is the shadow.
        """
        answer = await self._ask("GET", "/shadow")
        return ShadowReport(**answer | {"pairs": tuple(ShadowPair(**p) for p in answer["pairs"])})

    async def cache(self, version: int, since: CacheUse | None = None) -> CacheUse:
        """What a loaded version's decoder cache costs, and how it was used.

        Args:
            since: leave out what that one has already.

        Raises:
            VersionNotFound, VersionConflict: there is none, or it is not loaded.
        """
        since_ns = since.frames[-1].at_ns if since is not None and since.frames else 0
        answer = await self._ask("GET", f"/versions/{version}/cache?since_ns={since_ns}")
        frames = (
            CacheFrame(**f | {"runs": tuple((owner, slots) for owner, slots in f["runs"])})
            for f in answer["frames"]
        )
        return CacheUse(**answer | {"frames": tuple(frames)})

    async def batching(self) -> dict[str, Any]:
        """The batching policy in force: its name, and its numbers by name."""
        return await self._ask("GET", "/batching")

    async def set_batching(self, policy: Mapping[str, Any]) -> None:
        """Change it, in the form in which `batching` tells it."""
        await self._ask("PUT", "/batching", policy)

    async def service_level(self) -> ServiceLevel:
        """How far the service is reduced, and why."""
        return _service_level(await self._ask("GET", "/degradation"))

    async def set_thresholds(self, **thresholds: float) -> ServiceLevel:
        """Change what counts as pressure, by name; what is left out is as at the start.

        Raises:
            InvalidParameter: no such threshold, or a value that has no meaning.
        """
        return _service_level(await self._ask("PUT", "/degradation", thresholds))

    async def fail_step(self, name: str, fails: bool = True) -> None:
        """Make an optional step of postprocessing fail, or mend it.

        Raises:
            InvalidParameter: there is no such step.
        """
        await self._ask("PUT", f"/steps/{name}", {"fails": fails})

    async def dead_letters(self) -> list[dict[str, Any]]:
        """Decodes that failed for good, oldest first."""
        return list((await self._ask("GET", "/dead-letters"))["letters"])

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        # a machine's proxy settings must not get between a notebook and its own server
        async with httpx.AsyncClient(
            base_url=self._url + PREFIX, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
        ) as server:
            try:
                answer = await server.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise unreachable(self._url, error) from error
        if answer.status_code >= 400:
            raise _refusal(answer)
        return dict(answer.json()) if answer.content else {}


def _refusal(answer: httpx.Response) -> LabError:
    """The server's error under its own name, saying what it said there."""
    kinds = {kind.code: kind for kind in _REFUSALS}
    try:
        error = answer.json()["error"]
        received, expected, next_step = error["message"].rsplit("; ", 2)
        return kinds[error["code"]](received, expected, next_step)
    except (ValueError, KeyError, TypeError):  # not in our envelope, or a name of no use here
        return refused(answer)


def _service_level(told: Mapping[str, Any]) -> ServiceLevel:
    changes = tuple(LevelChange(**change) for change in told["changes"])
    return ServiceLevel(**{**told, "changes": changes})


def _version(told: Mapping[str, Any]) -> VersionState:
    return VersionState(**{**told, "labels": tuple(told["labels"])})
