"""What the audit log is told: who came in or was refused, what was done, changed and deleted.

Names, ids, versions, milliseconds and reasons. Never a key, a sound, a word that was spoken, nor
where somebody called from: a log that cannot be changed cannot forget a person either. All of it is
called on the event loop, where nothing waits.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import LabError
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.call import Call
from lab_kit.gateway.door.identify import current_request
from lab_kit.gateway.observe.audit.log import AuditLog
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind
from lab_kit.governance.canonical import Value
from lab_kit.governance.record import Action, Entry
from lab_kit.protocol.api_keys import ApiKey

ASKED, EXPIRED, GAVE_WAY = "asked for", "kept long enough", "gave way to another"
"""Why something is deleted."""
MOST_IDS = 100
"""Deletions that one record names."""
_SHOWN_CHARS = 16
"""Of a key, as in its id; whoever puts a whole one into a path must not find it in the log."""
_SECRET = ("sk_", "sandbox_")
_PERSONAL = ("subject",)
"""What a path names that would tell of a person for ever."""
_OPENED = {
    WorkKind.STREAM: Action.STREAM_OPENED,
    WorkKind.RECORDING: Action.RECORDING_OPENED,
    WorkKind.INFERENCE: Action.INFERENCE_OPENED,
    WorkKind.SPEECH: Action.SPEECH_OPENED,
}
_ENDED = {
    WorkKind.STREAM: Action.STREAM_ENDED,
    WorkKind.RECORDING: Action.RECORDING_ENDED,
    WorkKind.INFERENCE: Action.INFERENCE_ENDED,
    WorkKind.SPEECH: Action.SPEECH_ENDED,
}


class Audit:
    """Makes entries of what it is told; a `Listener`.

    Attributes:
        log: where they go; None for a server that keeps no log.
    """

    def __init__(self, log: AuditLog | None = None) -> None:
        self.log = log

    # -- work ----------------------------------------------------------------------------------

    def opened(self, work: Work) -> None:
        """See `Listener`."""
        self._work(_OPENED[work.kind], work, {"version": work.version})

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`; how much was used is the bill's, not the audit's."""

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `telling`."""

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        self._work(
            _ENDED[work.kind],
            work,
            {
                "version": work.version,
                "code": str(ended.code),
                "submitted_ms": round(ended.reached.submitted_s * 1_000),
                "processed_ms": round(ended.reached.processed_s * 1_000),
                "features": ended.reached.features,
            },
        )

    # -- calls ---------------------------------------------------------------------------------

    def admitted(self, call: Call, tenant: TenantId, key_id: str | None) -> None:
        """A call was let in, with a key or on a server that asks for none."""
        self._call(Action.CALL_ADMITTED, call, tenant, key_id, _named(call))

    def refused(
        self, call: Call, error: LabError, tenant: TenantId | None = None, key_id: str | None = None
    ) -> None:
        """A call was not let in, or not to what it asked for.

        Args:
            tenant: None where nobody knows who called.
        """
        known = error.details.get("key_id", key_id)
        about: dict[str, Value] = {**_named(call), "reason": error.reason}
        if "standing" in error.details:
            about["standing"] = error.details["standing"]
        if "rules" in error.details:
            about["rules"] = error.details["rules"].split()
        self._call(Action.CALL_REFUSED, call, tenant, known, about)

    def changed(self, call: Call, tenant: TenantId) -> None:
        """The operator changed something; where this is missing behind an admission, it failed."""
        self._call(Action.OPERATOR_CHANGED, call, tenant, None, _named(call))

    # -- keys, data, rules ---------------------------------------------------------------------

    def key_made(self, key: ApiKey) -> None:
        """An API key was made."""
        scope: Value = list(key.scope)
        about: dict[str, Value] = {"environment": key.environment, "scope": scope}
        self._put(Action.KEY_MADE, key.tenant, key.id, about)

    def key_rotated(self, key: ApiKey, new: ApiKey, overlap_s: float) -> None:
        """An API key was given a successor."""
        about: dict[str, Value] = {"new_key_id": new.id, "overlap_ms": round(overlap_s * 1_000)}
        self._put(Action.KEY_ROTATED, key.tenant, key.id, about)

    def key_revoked(self, key: ApiKey) -> None:
        """An API key lets nobody in any more."""
        self._put(Action.KEY_REVOKED, key.tenant, key.id, {})

    def deleted(self, kind: str, whose: Iterable[tuple[str, UUID]], why: str) -> None:
        """Something is not kept any more.

        Args:
            kind: operation, transcription, upload or subject.
            whose: the tenant and the number of each.
            why: `ASKED`, `EXPIRED` or `GAVE_WAY`.
        """
        of: dict[str, list[Value]] = {}
        for tenant, number in whose:
            of.setdefault(tenant, []).append(str(number))
        for tenant, numbers in of.items():
            for first in range(0, len(numbers), MOST_IDS):
                ids = numbers[first : first + MOST_IDS]
                self._put(Action.DATA_DELETED, tenant, None, {"kind": kind, "ids": ids, "why": why})

    def decided(
        self, tenant: str, is_allowed: bool, rules: Sequence[str], about: Mapping[str, Value]
    ) -> None:
        """A rule decided about a call.

        Args:
            about: what was asked of it.
        """
        decision = "allow" if is_allowed else "deny"
        told: dict[str, Value] = {**about, "decision": decision, "rules": list(rules)}
        self._put(Action.POLICY_DECIDED, tenant, None, told)

    def _work(self, action: Action, work: Work, about: Mapping[str, Value]) -> None:
        if self.log is not None:
            request, stream = str(work.identity.request), str(work.identity.stream)
            now_ms, tenant = since_1970_ms(), str(work.tenant)
            self.log.put(Entry(action, now_ms, tenant, None, request, stream, about))

    def _call(
        self,
        action: Action,
        call: Call,
        tenant: TenantId | None,
        key_id: str | None,
        about: Mapping[str, Value],
    ) -> None:
        if self.log is not None:
            whose = None if tenant is None else str(tenant)
            request = str(call.request_id)
            self.log.put(Entry(action, since_1970_ms(), whose, key_id, request, None, about))

    def _put(
        self, action: Action, tenant: str, key_id: str | None, about: Mapping[str, Value]
    ) -> None:
        if self.log is not None:
            named = current_request()
            request = None if named is None else str(named)
            self.log.put(Entry(action, since_1970_ms(), tenant, key_id, request, None, about))


def _named(call: Call) -> dict[str, Value]:
    """What was called: the route, and what its path names."""
    named: Value = {
        name: _shown(value) for name, value in call.named.items() if name not in _PERSONAL
    }
    return {"way": call.way, "named": named}


def _shown(value: str) -> str:
    return value[: _SHOWN_CHARS if value.startswith(_SECRET) else 100]
