"""A short history on a real server, and what an auditor asks about it.

Everything in it happens: keys are made and used, a version is promoted and taken back, somebody is
erased, calls are refused by rules. The reader answers from the log, and is judged by the log.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.errors import PolicyDenied
from lab_kit.core.events import StreamOptions
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.proof.forging import Log, Record, line_of, taken
from lab_kit.experiments.proof.people import keep
from lab_kit.experiments.proof.server import Server
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

_TENANT, _OTHER, _SUBJECT = "hospital", "newspaper", "patient-12"


@dataclass(frozen=True, slots=True)
class Audit:
    """What the auditor has, and asks about.

    Attributes:
        records: all of the log.
        key_id, since, until: of the first question; ``until`` is not included.
        tenant, version: of the second and the third.
        handed_over: a copy of the log, which somebody may have had in their hands.
        saved: a checkpoint that the auditor saved before.
    """

    records: tuple[Record, ...]
    key_id: str
    since: str
    until: str
    tenant: str
    version: int
    handed_over: Log
    saved: str

    @property
    def questions(self) -> Table:
        """The five, with their names."""
        key, since, until = self.key_id, self.since, self.until
        rows = [
            ("calls", f"made with {key}, from {since} on and before {until}: their request_ids"),
            ("streams", f"of {self.tenant} on version {self.version}: their stream_ids"),
            ("erased", f"when a person of {self.tenant} was, and which tenant's call did it"),
            ("rules", f"by which calls of {self.tenant} were refused: their names"),
            ("first_bad", "record of the log that was handed over: its number"),
        ]
        return Table("question", ("answer", "question"), rows, left=2)


async def audit(server: Server, clip: Clip) -> Audit:
    """Have all of it happen, and hand over the log.

    Raises:
        LabError: the server refused something else than what it has to.
    """
    operator = server.operator
    await operator.set_tenant(_TENANT, _agreed("recognition", "retention"))
    first = await operator.make_key(NewKey(_TENANT))
    second = await operator.make_key(NewKey(_TENANT))
    other = await operator.make_key(NewKey(_OTHER))
    await _called(server, first.key, clip)
    since = await _now(server)
    await _called(server, first.key, clip)
    await _called(server, second.key, clip)
    await keep(server, first.key, _SUBJECT, clip)
    await operator.set_tenant(_TENANT, _agreed("recognition"))
    with suppress(PolicyDenied):
        await keep(server, first.key, _SUBJECT, clip)
    until = await _now(server)
    version = await _on_another_version(server, (first.key, other.key), clip)
    await _called(server, first.key, clip)
    await operator.erase(_TENANT, _SUBJECT)
    log, saved = await taken(server)
    return Audit(
        tuple(log.records),
        first.about.id,
        since,
        until,
        _TENANT,
        version,
        _touched(log),
        saved,
    )


def calls_of(audit: Audit) -> set[str]:
    """The right answer to the first question."""
    return {
        one["request_id"]
        for one in audit.records
        if one["action"] in ("call.admitted", "call.refused")
        and one["key_id"] == audit.key_id
        and audit.since <= one["time"] < audit.until
    }


def streams_of(audit: Audit) -> set[str]:
    """The right answer to the second."""
    return {
        one["stream_id"]
        for one in audit.records
        if one["action"] == "stream.opened"
        and one["tenant"] == audit.tenant
        and one["about"]["version"] == audit.version
    }


def erasure_of(audit: Audit) -> tuple[str, str]:
    """The right answer to the third: the last one, where there were several."""
    gone = _erasures(audit.records, audit.tenant)[-1]
    call = next(
        one
        for one in audit.records
        if one["action"] == "call.admitted" and one["request_id"] == gone["request_id"]
    )
    return gone["time"], call["tenant"]


def rules_of(audit: Audit) -> set[str]:
    """The right answer to the fourth."""
    return {
        rule
        for one in audit.records
        if one["action"] == "policy.decided"
        and one["tenant"] == audit.tenant
        and one["about"]["decision"] == "deny"
        for rule in one["about"]["rules"]
    }


def _erasures(records: Sequence[Record], tenant: str) -> list[Record]:
    return [
        one
        for one in records
        if one["action"] == "data.deleted"
        and one["tenant"] == tenant
        and one["about"]["kind"] == "subject"
    ]


def _agreed(*consents: str) -> TenantSettings:
    return TenantSettings(home_region="eu-west", allowed_regions=("eu-west",), consents=consents)


async def _called(server: Server, key: str, clip: Clip) -> None:
    await client.transcribe(server.url, clip.pcm16, "audio/l16;rate=16000", clip.id, key=key)


async def _now(server: Server) -> str:
    """The server's time, as it writes it: that of the newest record."""
    await server.operator.batching()
    log, _ = await taken(server)
    return str(log.records[-1]["time"])


async def _on_another_version(server: Server, keys: Sequence[str], clip: Clip) -> int:
    """Streams while another version is in production; back afterwards."""
    number = server.publish()
    await server.operator.load_version(number)
    before = next(
        one.number for one in await server.operator.versions() if "production" in one.labels
    )
    await server.operator.set_label("production", number)
    try:
        for key in keys:
            address = client.ServerAddress(server.url, key, server.address.grpc)
            source = PacedRecording(clip.id, clip.samples)
            await client.stream_over(client.NativeWire.WEBSOCKET, address, source, StreamOptions())
    finally:
        await server.operator.set_label("production", before)
        await server.operator.unload_version(number)
    return number


def _touched(log: Log) -> Log:
    """One record was changed by somebody, and nothing else: neither the first nor the last."""
    records = log.records
    at = 1 + secrets.randbelow(len(records) - 2)
    records[at]["tenant"] = "nobody"
    lines = list(log.lines)
    lines[at] = line_of(records[at])
    return Log(log.key, tuple(lines), log.notes)
