"""The client of the operator's API: versions and labels, batching, degradation, dead letters."""

from collections.abc import Mapping
from typing import Any

import httpx

from lab_kit.client.degradation import DegradationStatus, LevelChange
from lab_kit.client.requests import refused, unreachable
from lab_kit.client.versions import CacheFrame, CacheUse, ShadowPair, ShadowReport, VersionStatus

PREFIX = "/operator"
_TIMEOUT_S = 120.0
"""A large model on a slow disk is loaded within it."""


class Operator:
    """Whoever holds a server's operator key.

    Every method raises `Unauthenticated` for a wrong key, `OperatorLocked` for a server without
    one, `ConnectionFailed` where the server cannot be reached, and what it names itself.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Token {key}"}

    async def versions(self) -> list[VersionStatus]:
        """Every version in the server's repository, in order."""
        answer = await self._ask("GET", "/versions")
        return [_version(version) for version in answer["versions"]]

    async def load_version(self, version: int) -> VersionStatus:
        """Load a version; returns when it is ready.

        Raises:
            VersionNotFound, VersionFailed: there is none, or it cannot be served; says why.
        """
        return _version(await self._ask("POST", f"/versions/{version}/load?wait=true"))

    async def unload_version(self, version: int) -> VersionStatus:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionConflict: it carries a label.
        """
        return _version(await self._ask("POST", f"/versions/{version}/unload"))

    async def set_label(
        self, label: str, version: int, share: float | None = None
    ) -> VersionStatus:
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

    async def remove_label(self, label: str) -> None:
        """Take the canary's or the shadow's label off."""
        await self._ask("DELETE", f"/labels/{label}")

    async def shadow_report(self) -> ShadowReport:
        """How the shadow compares so far.

        Raises:
            VersionNotFound: no version is the shadow.
        """
        answer = await self._ask("GET", "/shadow")
        return ShadowReport(**answer | {"pairs": tuple(ShadowPair(**p) for p in answer["pairs"])})

    async def cache_use(self, version: int, since: CacheUse | None = None) -> CacheUse:
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

    async def degradation(self) -> DegradationStatus:
        """How far the service is reduced, and why."""
        return _degradation_status(await self._ask("GET", "/degradation"))

    async def set_degradation_thresholds(self, **thresholds: float) -> DegradationStatus:
        """Change what counts as pressure, by name; what is left out is as at the start.

        Raises:
            InvalidParameter: no such threshold, or a value that has no meaning.
        """
        return _degradation_status(await self._ask("PUT", "/degradation", thresholds))

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
            raise refused(answer)
        return dict(answer.json()) if answer.content else {}


def _degradation_status(told: Mapping[str, Any]) -> DegradationStatus:
    changes = tuple(LevelChange(**change) for change in told["changes"])
    return DegradationStatus(**{**told, "changes": changes})


def _version(told: Mapping[str, Any]) -> VersionStatus:
    return VersionStatus(**{**told, "labels": tuple(told["labels"])})
