"""The client of the operator's API: versions and labels, batching, degradation, dead letters."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx

from lab_kit.client.requests import read_as, refused, unreachable
from lab_kit.protocol.api_keys import ApiKey, ApiKeyList, MadeKey, NewKey, Rotation
from lab_kit.protocol.audit import AuditCheckpoint, AuditPage, AuditProof, AuditRecord
from lab_kit.protocol.degradation import (
    DeadLetter,
    DeadLetterList,
    DegradationStatus,
    StepSwitch,
)
from lab_kit.protocol.deprecations import DeprecationPlan, DeprecationStatus
from lab_kit.protocol.sandbox import Fault, FaultPlan, Journal, SandboxKey, Script
from lab_kit.protocol.subjects import ErasedOfSubject, KeptOfSubject
from lab_kit.protocol.tenants import TenantList, TenantSettings, TenantStatus
from lab_kit.protocol.versions import (
    BatchingPolicy,
    CacheUse,
    EngineList,
    EngineProcess,
    LabelMove,
    ShadowReport,
    VersionList,
    VersionStatus,
)

_T = TypeVar("_T")
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
        listing = await self._ask(VersionList, "GET", "/versions")
        return list(listing.versions)

    async def load_version(self, version: int) -> VersionStatus:
        """Load a version; returns when it is ready.

        Raises:
            VersionNotFound, VersionFailed: there is none, or it cannot be served; says why.
        """
        return await self._ask(VersionStatus, "POST", f"/versions/{version}/load?wait=true")

    async def unload_version(self, version: int) -> VersionStatus:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionConflict: it carries a label.
        """
        return await self._ask(VersionStatus, "POST", f"/versions/{version}/unload")

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
        return await self._ask(
            VersionStatus, "PUT", f"/labels/{label}", asdict(LabelMove(version, share))
        )

    async def remove_label(self, label: str) -> None:
        """Take the canary's or the shadow's label off."""
        await self._answer("DELETE", f"/labels/{label}")

    async def shadow_report(self) -> ShadowReport:
        """How the shadow compares so far.

        Raises:
            VersionNotFound: no version is the shadow.
        """
        return await self._ask(ShadowReport, "GET", "/shadow")

    async def cache_use(self, version: int, since: CacheUse | None = None) -> CacheUse:
        """What a loaded version's decoder cache costs, and how it was used.

        Args:
            since: leave out what that one has already.

        Raises:
            VersionNotFound, VersionConflict: there is none, or it is not loaded.
        """
        since_ns = since.frames[-1].at_ns if since is not None and since.frames else 0
        return await self._ask(CacheUse, "GET", f"/versions/{version}/cache?since_ns={since_ns}")

    async def engines(self, version: int) -> tuple[EngineProcess, ...]:
        """The processes that decode with a loaded version; none where the server's own does.

        Raises:
            VersionNotFound, VersionConflict: there is none, or it is not loaded.
        """
        return (await self._ask(EngineList, "GET", f"/versions/{version}/engines")).processes

    async def batching(self) -> BatchingPolicy:
        """The batching policy in force."""
        return await self._ask(BatchingPolicy, "GET", "/batching")

    async def set_batching(self, policy: BatchingPolicy) -> None:
        """Change it.

        Raises:
            InvalidParameter: numbers that the policy does not take.
        """
        await self._answer("PUT", "/batching", asdict(policy))

    async def degradation(self) -> DegradationStatus:
        """How far the service is reduced, and why."""
        return await self._ask(DegradationStatus, "GET", "/degradation")

    async def set_degradation_thresholds(self, **thresholds: float) -> DegradationStatus:
        """Change what counts as pressure, by name; what is left out is as at the start.

        Raises:
            InvalidParameter: no such threshold, or a value that has no meaning.
        """
        return await self._ask(DegradationStatus, "PUT", "/degradation", thresholds)

    async def fail_step(self, name: str, fails: bool = True) -> None:
        """Make an optional step of postprocessing fail, or mend it.

        Raises:
            InvalidParameter: there is no such step.
        """
        await self._answer("PUT", f"/steps/{name}", asdict(StepSwitch(fails)))

    async def deprecation(self, route: str) -> DeprecationStatus:
        """What is planned for a route that has a successor, and which tenants call it.

        Raises:
            UnknownDeprecation: no route of that name has one.
        """
        return await self._ask(DeprecationStatus, "GET", f"/deprecations/{route}")

    async def deprecate(self, route: str, plan: DeprecationPlan) -> DeprecationStatus:
        """Announce a plan, in place of whatever was announced before.

        Raises:
            UnknownDeprecation: no route of that name has a successor.
            InvalidParameter: a plan that cannot be kept.
        """
        return await self._ask(DeprecationStatus, "PUT", f"/deprecations/{route}", asdict(plan))

    async def take_back_deprecation(self, route: str) -> None:
        """Announce nothing any more.

        Raises:
            UnknownDeprecation: no route of that name has a successor.
        """
        await self._answer("DELETE", f"/deprecations/{route}")

    async def dead_letters(self) -> list[DeadLetter]:
        """Decodes that failed for good, oldest first."""
        return list((await self._ask(DeadLetterList, "GET", "/dead-letters")).letters)

    async def make_sandbox_key(self, *faults: Fault) -> SandboxKey:
        """A key for one test: its calls meet these faults, one a call, and are written down.

        Raises:
            InvalidParameter: a fault that no call can meet.
        """
        return await self._ask(SandboxKey, "POST", "/sandbox-keys", asdict(FaultPlan(faults)))

    async def set_faults(self, key: SandboxKey, *faults: Fault) -> None:
        """Have its next calls meet these instead of those that are left.

        Raises:
            SandboxKeyNotFound: it was removed.
            InvalidParameter: a fault that no call can meet.
        """
        path = f"/sandbox-keys/{key.name}/faults"
        await self._answer("PUT", path, asdict(FaultPlan(faults)))

    async def set_script(self, key: SandboxKey, *lines: str) -> None:
        """Have its next calls answered with ``lines``, an utterance a line; none to recognize.

        Raises:
            SandboxKeyNotFound: it was removed.
            InvalidParameter: too many lines, or too long ones.
        """
        await self._answer("PUT", f"/sandbox-keys/{key.name}/script", asdict(Script(lines)))

    async def journal(self, key: SandboxKey) -> Journal:
        """What was called with it.

        Raises:
            SandboxKeyNotFound: it was removed.
        """
        return await self._ask(Journal, "GET", f"/sandbox-keys/{key.name}/journal")

    async def remove_sandbox_key(self, key: SandboxKey) -> None:
        """Let nobody in with it any more.

        Raises:
            SandboxKeyNotFound: it was removed.
        """
        await self._answer("DELETE", f"/sandbox-keys/{key.name}")

    async def make_key(self, new: NewKey) -> MadeKey:
        """A key for a tenant, which is told this once.

        Raises:
            InvalidParameter: a tenant, scope or end that cannot be.
        """
        return await self._ask(MadeKey, "POST", "/keys", asdict(new))

    async def keys(self) -> tuple[ApiKey, ...]:
        """All keys, those that are over too."""
        return (await self._ask(ApiKeyList, "GET", "/keys")).keys

    async def rotate_key(self, key_id: str, overlap_s: float) -> MadeKey:
        """A new key for the same; the old one ends after ``overlap_s``.

        Raises:
            ApiKeyNotFound: there is none of that id.
            InvalidParameter: it is over.
        """
        body = asdict(Rotation(overlap_s))
        return await self._ask(MadeKey, "POST", f"/keys/{key_id}:rotate", body)

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Let nobody in with it any more; its open streams end with what they are owed.

        Raises:
            ApiKeyNotFound: there is none of that id.
        """
        return await self._ask(ApiKey, "POST", f"/keys/{key_id}:revoke")

    async def tenants(self) -> list[TenantStatus]:
        """All that have settings, or called since the server started."""
        return list((await self._ask(TenantList, "GET", "/tenants")).tenants)

    async def set_tenant(self, tenant: str, settings: TenantSettings) -> TenantStatus:
        """Have a tenant be allowed this from now on.

        Raises:
            InvalidParameter: a name or settings that cannot be.
        """
        return await self._ask(TenantStatus, "PUT", f"/tenants/{tenant}", asdict(settings))

    async def top_up(self, tenant: str, sound_s: float, payment: str | None = None) -> TenantStatus:
        """Have a tenant have paid for so many seconds of sound, or for so many more.

        Args:
            payment: its id; what comes again by the same adds nothing. By default one of its own.

        Raises:
            InvalidParameter: more than can be kept.
        """
        body = {"sound_s": sound_s, "id": payment or str(uuid4())}
        return await self._ask(TenantStatus, "POST", f"/tenants/{tenant}:topUp", body)

    async def kept_of(self, tenant: str, subject: str) -> KeptOfSubject:
        """What is kept of somebody, by name, time and size."""
        return await self._ask(KeptOfSubject, "GET", _subject(tenant, subject))

    async def export_of(self, tenant: str, subject: str, target: Path) -> None:
        """Write all that is kept of somebody to a ZIP file, which nobody else may read.

        Raises:
            FileExistsError: there is such a file.
        """
        path = PREFIX + _subject(tenant, subject, "/export")
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
        ) as server:
            try:
                async with server.stream("GET", path) as answer:
                    if answer.status_code >= 400:
                        await answer.aread()
                        raise refused(answer)
                    with open(target, "xb", opener=_private) as file:
                        async for piece in answer.aiter_bytes():
                            file.write(piece)
            except httpx.HTTPError as error:
                raise unreachable(self._url, error) from error

    async def erase(self, tenant: str, subject: str) -> ErasedOfSubject:
        """Erase all that is kept of somebody, unless the tenant is under a legal hold."""
        return await self._ask(ErasedOfSubject, "DELETE", _subject(tenant, subject))

    async def audit_checkpoint(self) -> AuditCheckpoint:
        """A signed checkpoint of all that has happened until now; save it elsewhere.

        Raises:
            AuditNotKept: the server keeps no audit log.
        """
        return await self._ask(AuditCheckpoint, "GET", "/audit/checkpoint")

    async def audit_records(self, **wanted: str) -> AsyncIterator[AuditRecord]:
        """The audit log's records, oldest first.

        Args:
            wanted: by ``tenant``, ``action`` (such as ``key.made``, or ``key`` for all of a kind),
                ``key_id``, ``request_id``, ``stream_id``, ``since``, ``until``.

        Raises:
            AuditNotKept: the server keeps no audit log.
            InvalidParameter: a moment that is none.
        """
        token = ""
        while True:
            query = urlencode({**wanted, "page_token": token, "page_size": "1000"})
            page = await self._ask(AuditPage, "GET", f"/audit/records?{query}")
            for record in page.records:
                yield record
            token = page.next_page_token
            if not token:
                return

    async def audit_inclusion(self, record: int, size: int) -> AuditProof:
        """Shows that a record is among the first ``size``; `lab_kit.auditor` checks it.

        Raises:
            AuditNotKept: the server keeps no audit log.
            InvalidParameter: there is no such record, or are not so many.
        """
        return await self._ask(AuditProof, "GET", f"/audit/proof?record={record}&size={size}")

    async def audit_consistency(self, old_size: int, size: int) -> AuditProof:
        """Shows that the log only grew from ``old_size`` records to ``size``.

        Raises:
            AuditNotKept: the server keeps no audit log.
            InvalidParameter: there are not so many, or the one is not smaller.
        """
        return await self._ask(AuditProof, "GET", f"/audit/proof?old_size={old_size}&size={size}")

    async def _ask(
        self, kind: type[_T], method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> _T:
        return read_as(kind, (await self._answer(method, path, body)).content)

    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
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
        return answer


def _subject(tenant: str, subject: str, rest: str = "") -> str:
    return f"/subjects/{quote(subject, safe='')}{rest}?{urlencode({'tenant': tenant})}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
