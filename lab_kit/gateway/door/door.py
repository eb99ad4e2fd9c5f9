"""The one way into a server, whatever was called and however it is spoken.

One order: a call has its name, then its key is looked at, then what it wants is admitted, then it
is given a version. What it holds is released in one place, when ``open`` is left. Only `Admitted`
gives an engine, so that a way in which forgets the door can do no work.
"""

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Message, Receive

from lab_kit.access.api_keys import Feature
from lab_kit.capacity.admission import Admission
from lab_kit.capacity.open_streams import OpenStream
from lab_kit.core.errors import (
    GoingAway,
    KeyEnded,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    ScopeMissing,
    SystemOverloaded,
)
from lab_kit.core.events import PriorityClass
from lab_kit.core.ids import StreamId, StreamIdentity, TenantId
from lab_kit.gateway.door.call import Call, http_call
from lab_kit.gateway.door.compute import AHEAD_S, Compute, Spending
from lab_kit.gateway.door.identify import named_for_log
from lab_kit.gateway.door.keys import ANYBODY, Keys, Principal, Role
from lab_kit.gateway.door.metered_engine import metered
from lab_kit.gateway.door.place import Place
from lab_kit.gateway.door.residency import Residency
from lab_kit.gateway.door.sound import Sound
from lab_kit.gateway.door.tenants import Tenants
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.usage.usage import Usage
from lab_kit.gateway.observe.work import Work, WorkKind
from lab_kit.gateway.sandbox.keys import SandboxKeys
from lab_kit.gateway.versions.asked import asked_version
from lab_kit.gateway.versions.lease import Lease
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Label

LEAST_S, LEAST_CHARS = 1.0, 10.0
"""Sound, or a text, for which compute is reserved before it is received: who has no more left is
refused before the server reads megabytes."""
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Door:
    """The way into one server.

    Attributes:
        compute: who may spend how much of it.
        sound: who may have how much of it recognized.
        tenants: what each is allowed.
        streams: the places that are taken.
        is_draining: nobody is let in any more; who is in may finish.
        sandbox_keys: that callers are let in with, too, to meet what an operator planned for them.
        residency: whose speech may be served here.
        audit: told who was let in, and who was refused.
    """

    def __init__(
        self,
        keys: Keys,
        tenants: Tenants,
        compute: Compute,
        sound: Sound,
        admission: Admission,
        versions: Versions,
        residency: Residency | None = None,
        audit: Audit | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.keys = keys
        self.tenants = tenants
        self.compute = compute
        self.sound = sound
        self.audit = audit or Audit()
        self.residency = residency or Residency(tenants, self.audit)
        self.streams: set[Place] = set()
        self.is_draining = False
        self.sandbox_keys = SandboxKeys()
        self._usage = usage
        self._admission = admission
        self._versions = versions

    @property
    def is_ready(self) -> bool:
        """Production loaded, a warm-up inference done, and not about to stop."""
        return self._versions.is_ready and not self.is_draining

    @asynccontextmanager
    async def open(self, call: Call, role: Role = Role.CALLER) -> AsyncIterator["Admitted"]:
        """Let a call in, with what its key allows; what it holds is released on leaving.

        Raises:
            Unauthenticated, OperatorLocked: the key is not one for ``role``.
            LabError: the key is a sandbox's, and refuses the call.
        """
        named_for_log(call.request_id)
        try:
            principal = await self._authenticate(call, role)
        except LabError as error:
            self.audit.refused(call, error)
            raise
        self.audit.admitted(call, principal.tenant, principal.key_id)
        if call.quota is not None:
            call.quota.tenant, call.quota.key_id = principal.tenant, principal.key_id
        with ExitStack() as held:
            yield Admitted(call, principal, self, held)

    async def _authenticate(self, call: Call, role: Role) -> Principal:
        sandbox = self.sandbox_keys.of(call.credential) if role is Role.CALLER else None
        if sandbox is None:
            return self.keys.authenticate(call.credential, role, call.certificate)
        if call.exchange is not None:
            await sandbox.meet(call.exchange)
        return Principal(sandbox.tenant, role)

    def drain(self, patience_s: float) -> None:
        """Let nobody in any more, and have every stream finish.

        Args:
            patience_s: for somebody who is speaking to come to the end of an utterance.
        """
        self.is_draining = True
        for stream in tuple(self.streams):
            going = GoingAway("the server stops", "another server", "connect again")
            stream.leave(going, patience_s)

    def end_streams_without_key(self) -> None:
        """Have every stream finish whose key was revoked, or whose key or token has expired."""
        for stream in tuple(self.streams):
            try:
                self.keys.check_goes_on(stream.principal)
            except KeyEnded as ended:
                stream.close_early(ended)

    def renew_compute(self) -> None:
        """Have every stream reserve compute for its next seconds; who cannot, finishes."""
        for stream in tuple(self.streams):
            try:
                stream.renew_compute()
            except (QuotaExceeded, PayloadTooLarge) as spent:
                stream.close_early(spent)

    def spending(
        self, tenant: TenantId, key_id: str | None, kind: WorkKind, *, is_patient: bool = False
    ) -> Spending:
        """The spending of work that begins; whoever has it ends it."""
        record = self.keys.record(key_id)
        sound = None if kind is WorkKind.SPEECH else self.sound.use(tenant)
        return self.compute.begin(tenant, record, kind, is_patient=is_patient, sound=sound)

    def check_allowed(self, principal: Principal, feature: Feature) -> None:
        """Make sure that a key is for what its caller wants; see `Keys.check_allowed`."""
        self.keys.check_allowed(principal, feature, self._versions.model)

    def admit(
        self,
        priority_class: PriorityClass,
        beside: Collection[OpenStream] | None = None,
        caller: str | None = None,
    ) -> None:
        """Make sure that work of that class may begin.

        Args:
            beside: the streams among which it needs a place; None for what needs none.
            caller: who needs it.

        Raises:
            SystemOverloaded: the server is full, reduces its service, or is stopping.
        """
        self.check_goes_on()
        if self._usage is not None:
            self._usage.check_room()
        self._admission.admit(priority_class, beside or (), caller)

    def check_goes_on(self) -> None:
        """Make sure that the server is not about to stop.

        Raises:
            SystemOverloaded: it is.
        """
        if self.is_draining:
            raise SystemOverloaded(
                "the server stops",
                "one that goes on",
                "connect to another server, or once it is back",
            )

    @property
    def has_room_for_batch(self) -> bool:
        """Whether work that nobody waits for may go on."""
        return self.is_ready and self._admission.is_open_to_batch

    @contextmanager
    def operation(
        self, tenant: TenantId, caller: str, identity: StreamIdentity, model: str | None = None
    ) -> Iterator["Leased"]:
        """A version for work that was let in before, and is done now.

        Raises:
            SystemOverloaded: the server reduces its service, or is stopping.
            ModelNotLoaded: the version that is asked for is not ready, or none is.
            ModelNotFound, VersionNotFound: there is no such version any more.

        What it gives reserves no compute yet, see `Leased.spending`.
        """
        self.admit(PriorityClass.BATCH)
        spending = self.spending(tenant, None, WorkKind.RECORDING, is_patient=True)
        with ExitStack() as held:
            held.callback(spending.end)
            lease = metered(held.enter_context(self.lease(self.asked(model), tenant)), spending)
            work = Work(WorkKind.RECORDING, identity, tenant, lease.version, is_operation=True)
            yield Leased(work, lease, caller, spending, self.tenants.steps(tenant))

    def asked(self, model: str | None) -> int | Label | None:
        """Which version a caller asks for; see `asked_version`."""
        return asked_version(model, self._versions.model)

    def lease(self, version: int | Label | None, tenant: TenantId) -> Lease:
        """A version for one stream or request, or the tenant's script; see `Versions.lease`."""
        lease, script = self._versions.lease(version), self.sandbox_keys.engine_of(tenant)
        if script is None:
            return lease
        return Lease(lease.version, script, lease.new_scorer, lease.release)


@dataclass(frozen=True, slots=True)
class Leased:
    """A recording or an inference that was let in, with the version that does it.

    Attributes:
        work: what it is counted as.
        caller: by what name it takes turns.
        spending: where compute is reserved for it, once its length is known.
        steps: what all results of its tenant go through.
        deadline_ns: from then on its caller does not wait; None for one who did not say.
    """

    work: Work
    lease: Lease
    caller: str
    spending: Spending
    steps: tuple[str, ...]
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text that may be spoken.

    Attributes:
        work: what it is counted as.
        caller: by what name it takes turns.
        spending: where compute is reserved for it.
    """

    work: Work
    caller: str
    spending: Spending


def _tells_refusals(
    admit: Callable[Concatenate["Admitted", _P], _T],
) -> Callable[Concatenate["Admitted", _P], _T]:
    """Have the audit log hear of it when somebody who was let in may not have what they ask for."""

    @wraps(admit)
    def told(admitted: "Admitted", /, *what: _P.args, **named: _P.kwargs) -> _T:
        try:
            return admit(admitted, *what, **named)
        except LabError as error:
            admitted.tell_refused(error)
            raise

    return told


class Admitted:
    """A call that was let in, and what it holds.

    Attributes:
        principal: who calls.
    """

    def __init__(self, call: Call, principal: Principal, door: Door, held: ExitStack) -> None:
        self.call = call
        self.principal = principal
        self._door = door
        self._held = held

    @property
    def caller(self) -> str:
        """By what name it takes turns: the tenant, or where nobody has a key, the peer."""
        tenant = self.principal.tenant
        return self.call.peer if tenant == ANYBODY else str(tenant)

    @property
    def _key_id(self) -> str:
        return self.principal.key_id or ""

    @_tells_refusals
    def stream(self, priority_class: PriorityClass, model: str | None = None) -> Place:
        """A place among the live streams, and a version.

        Args:
            model: which, as `asked_version` reads it; None for whose turn it is.

        Raises:
            Unauthenticated: the token has opened a stream before.
            ScopeMissing, QuotaExceeded: the key is not for it, or for no more of them, or the
                caller has no compute left.
            SystemOverloaded: the server is full, reduces its service, or is stopping.
            ModelNotLoaded: the version is not ready, or none is.
            InvalidParameter, ModelNotFound, VersionNotFound: there is none of that name.
        """
        self._check(Feature.STREAMS)
        self._door.keys.check_streams(self.principal, self._door.streams)
        self._door.tenants.check_streams(self.principal.tenant, self._door.streams)
        asked = self._door.asked(model)
        spending = self._spending(WorkKind.STREAM)
        spending.hold(AHEAD_S)
        self._door.admit(priority_class, self._door.streams, self.caller)
        lease = self._lease(asked, spending)
        work = self._work(WorkKind.STREAM, lease)
        self._door.keys.spend(self.principal)
        place = Place(
            work,
            priority_class,
            lease,
            self.caller,
            spending,
            self.principal,
            self._door.tenants.steps(self.principal.tenant),
        )
        self._door.streams.add(place)
        self._held.callback(self._door.streams.discard, place)
        return place

    def refresh(self, place: Place, token: str) -> float:
        """Let a stream go on with another token in place of the one before.

        Returns:
            How long that one is valid, in seconds.

        Raises:
            Unauthenticated: it may not, see `Keys.refreshed`; the stream goes on as it was.
        """
        place.principal = self._door.keys.refreshed(place.principal, token)
        return place.principal.valid_s

    def tell_refused(self, error: LabError) -> None:
        """Have the audit log hear of what this call may not."""
        tenant, key_id = self.principal.tenant, self.principal.key_id
        self._door.audit.refused(self.call, error, tenant, key_id)

    def hand_over(self) -> ExitStack:
        """What it holds, for work that goes on when the call has ended; who has it, releases it."""
        return self._held.pop_all()

    @_tells_refusals
    def recording(self, model: str | None = None) -> Leased:
        """A version for a recording: batch work, which takes no stream's place.

        Raises:
            LabError: see `stream`.
        """
        self._check(Feature.RECORDINGS)
        asked = self._door.asked(model)
        spending = self._spending(WorkKind.RECORDING)
        spending.hold(LEAST_S)
        self._door.admit(PriorityClass.BATCH)
        return self._leased(WorkKind.RECORDING, asked, spending)

    @_tells_refusals
    def check_operation(self, model: str | None = None) -> None:
        """Make sure that an operation may be asked for: it waits for room by itself.

        Raises:
            SystemOverloaded: the server is stopping.
            ModelNotLoaded: the version that it names is not ready.
            InvalidParameter, ModelNotFound, VersionNotFound: there is none of that name.
        """
        self._check(Feature.RECORDINGS, keeps=True)
        self._door.check_goes_on()
        if (asked := self._door.asked(model)) is not None:
            self._door.lease(asked, self.principal.tenant).release()

    @_tells_refusals
    def speech(self) -> Spoken:
        """A text to be spoken: somebody waits for it, and it needs no version.

        Raises:
            SystemOverloaded: see `stream`.
        """
        self._check(Feature.SPEECH)
        spending = self._spending(WorkKind.SPEECH)
        spending.hold(LEAST_CHARS)
        self._door.admit(PriorityClass.INTERACTIVE)
        identity = StreamIdentity(self.call.request_id, StreamId.new())
        work = Work(WorkKind.SPEECH, identity, self.principal.tenant, 0, self._key_id)
        return Spoken(work, self.caller, spending)

    @_tells_refusals
    def check_stream(self) -> None:
        """Make sure that a live stream may begin, before the body that says which is received.

        Raises:
            ScopeMissing, PolicyDenied: the key is not for it, or its speech may not be served here.
            SystemOverloaded: see `stream`.
        """
        self._check(Feature.STREAMS)
        self._door.admit(PriorityClass.INTERACTIVE)

    @_tells_refusals
    def check_inference(self) -> None:
        """Make sure that one may begin, before the message that says which is received.

        Raises:
            LabError: see `inference`.
        """
        self._check_bare()
        self._door.admit(PriorityClass.INTERACTIVE)

    @_tells_refusals
    def inference(self, version: int | None) -> Leased:
        """A version for one run of the bare model, whose urgency is in a body that is still unread.

        Raises:
            SystemOverloaded, ModelNotLoaded: see `stream`.
            ModelNotFound, VersionNotFound: there is no such version.
        """
        self._check_bare()
        spending = self._spending(WorkKind.INFERENCE)
        spending.hold(LEAST_S)
        self._door.admit(PriorityClass.INTERACTIVE)
        return self._leased(WorkKind.INFERENCE, version, spending)

    def _check(self, feature: Feature, *, keeps: bool = False) -> None:
        """Its key is for that, and its speech may be served here."""
        self._door.check_allowed(self.principal, feature)
        self._door.residency.check(self.principal.tenant, feature, self.call, keeps=keeps)

    def _check_bare(self) -> None:
        """And nothing has to be taken out of its results, which the bare model cannot."""
        self._check(Feature.INFERENCE)
        if self._door.tenants.steps(self.principal.tenant):
            raise ScopeMissing(
                f"the bare model, by tenant {self.principal.tenant}, whose results are redacted",
                "a way in whose results can be",
                "send it as a recording or a stream",
            )

    def _spending(self, kind: WorkKind) -> Spending:
        spending = self._door.spending(self.principal.tenant, self.principal.key_id, kind)
        self._held.callback(spending.end)
        return spending

    def _lease(self, version: int | Label | None, spending: Spending) -> Lease:
        lease = self._held.enter_context(self._door.lease(version, self.principal.tenant))
        return metered(lease, spending)

    def _leased(self, kind: WorkKind, version: int | Label | None, spending: Spending) -> Leased:
        lease = self._lease(version, spending)
        work = self._work(kind, lease)
        steps = self._door.tenants.steps(self.principal.tenant)
        return Leased(work, lease, self.caller, spending, steps, self.call.deadline_ns)

    def _work(self, kind: WorkKind, lease: Lease) -> Work:
        identity = StreamIdentity(self.call.request_id, StreamId.new())
        return Work(kind, identity, self.principal.tenant, lease.version, self._key_id)


MAX_SMALL_BODY_BYTES = 65_536
"""Of what an operator sends: a label, a policy, some thresholds."""


def guarded(door: Door, role: Role = Role.CALLER) -> type[APIRoute]:
    """A kind of HTTP route that reads or changes what is there, and does no work.

    The framework reads a body, of any size, before it asks a dependency; so the key is asked and
    the size is bounded around it.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The framework's handler, inside the door."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                async with door.open(http_call(request), role) as admitted:
                    request.state.tenant = admitted.principal.tenant
                    if request.method in ("PUT", "POST"):
                        request = Request(
                            request.scope, _given(await small_body(request, MAX_SMALL_BODY_BYTES))
                        )
                    answer = await handle(request)
                    if role is Role.OPERATOR and request.method != "GET":
                        door.audit.changed(admitted.call, admitted.principal.tenant)
                    return answer

            return handled

    return Guarded


async def small_body(request: Request, most_bytes: int) -> bytes:
    """The body of a request that brings no recording.

    Raises:
        PayloadTooLarge: it has more than ``most_bytes``.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise PayloadTooLarge(
                f"a body of more than {most_bytes:,} bytes",
                "what the request is documented with",
                "send these fields alone",
            )
    return body


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
