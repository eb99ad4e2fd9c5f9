"""One server put together from its parts; each route is given those that it uses, and no more."""

import os
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from lab_kit.capacity.admission import Admission
from lab_kit.capacity.watch import Watch
from lab_kit.database.rows import Rows
from lab_kit.database.sealing import ROOT_KEY, new_root
from lab_kit.gateway.api.deprecations import Deprecations
from lab_kit.gateway.door.access_tokens import AccessTokens
from lab_kit.gateway.door.api_keys import ApiKeys
from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.compute import Compute
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.pepper import PEPPER, short_lived
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.door.recognition import Recognition
from lab_kit.gateway.door.residency import Residency, Where
from lab_kit.gateway.door.sound import Sound
from lab_kit.gateway.door.tenants import Tenants
from lab_kit.gateway.door.token_keys import TokenKeys
from lab_kit.gateway.door.uploads import Uploads
from lab_kit.gateway.live.sessions import Sessions
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.live.turn_judge import TurnJudge
from lab_kit.gateway.meters.metered import Metered
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.audit.log import AUDIT_FOLDER, AUDIT_KEY, AuditLog
from lab_kit.gateway.observe.dead_letters import DeadLetters
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.observe.inference_log import InferenceLog
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.stream_log import StreamLog
from lab_kit.gateway.observe.tracing import Spans
from lab_kit.gateway.observe.usage.usage import USAGE_FOLDER, Usage
from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.providers.assemblyai.callback import tell_of_transcript
from lab_kit.gateway.providers.deepgram.callback import tell_of_recording
from lab_kit.gateway.providers.open_inference.model import BareModel
from lab_kit.gateway.run.background import Background
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.run.options import Endpoint
from lab_kit.gateway.speech.voice import Voice
from lab_kit.gateway.state.answers import Answers
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.subjects.stored import Stored
from lab_kit.gateway.talk.agent import TalkParts
from lab_kit.gateway.talk.endpoint_language import EndpointLanguage
from lab_kit.gateway.talk.language import Language
from lab_kit.gateway.talk.local_language import LocalLanguage
from lab_kit.gateway.talk.reply import ReplyParts
from lab_kit.gateway.transcriptions import kept_uploads, operations, redacted_audio
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.transcriptions.spool import Spool
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.gateway.versions.engine_factory import load_language, load_turns
from lab_kit.gateway.versions.versions import Versions
from lab_kit.gateway.webhooks import webhooks
from lab_kit.gateway.webhooks.callbacks import Callbacks
from lab_kit.gateway.webhooks.sender import Sender
from lab_kit.gateway.webhooks.webhooks import Webhooks
from lab_kit.stream.sink.named import NamedPersons
from lab_kit.stream.sink.steps import SwitchableSteps


@dataclass(slots=True)
class Server:
    """The parts.

    Attributes:
        spans: where traces go.
        dead_letters: decodes that failed for good.
        allowed_hosts: that webhooks may go to, and recordings be fetched from, though not public.
        state: where what outlives a request is kept.
        listeners: told what becomes of work that was let in.
        is_strict: what a provider offers and is not imitated is refused, not ignored.
        grpc_port: where gRPC is spoken; 0 until it is.
        tls_port: where HTTP is spoken with TLS; None where it is not.
        where: in which region it serves, and what others there are.
        audit_folder: of the audit log; None for one in ``state``, where that is kept.
        usage_folder: where usage is written; None for one in ``state``, where that is kept.
        database_url: of a PostgreSQL database for the tables; None for a file in ``state``.
        persons: what tells them by a model, for redaction; None where rules and lists alone do.
        inference_file: where what was sent is logged; None for nowhere.
        replies: where spoken answers are written; None for here, by a small model.
    """

    limits: Limits
    versions: Versions
    metrics: Metrics
    keys: Keys = field(default_factory=Keys)
    spans: Spans = field(default_factory=Spans)
    dead_letters: DeadLetters = field(default_factory=DeadLetters, init=False)
    state: StateFolder = field(default_factory=StateFolder)
    allowed_hosts: tuple[str, ...] = ()
    is_strict: bool = False
    grpc_port: int = 0
    tls_port: int | None = None
    audit_folder: Path | None = None
    usage_folder: Path | None = None
    persons: NamedPersons | None = None
    where: Where = field(default_factory=Where)
    database_url: str | None = None
    inference_file: Path | None = None
    replies: Endpoint | None = None
    language: Language = field(init=False)
    inference_log: InferenceLog | None = field(init=False)
    audit: Audit = field(init=False)
    usage: Usage | None = field(init=False)
    background: Background = field(init=False)
    failures: Failures = field(init=False)
    watch: Watch = field(init=False)
    api_keys: ApiKeys = field(init=False)
    token_keys: TokenKeys = field(init=False)
    tenants: Tenants = field(init=False)
    compute: Compute = field(init=False)
    sound: Sound = field(init=False)
    door: Door = field(init=False)
    steps: SwitchableSteps = field(init=False)
    listeners: Listeners = field(init=False)
    arrivals: Arrivals = field(default_factory=Arrivals, init=False)
    preparation: Preparation = field(init=False)
    recognition: Recognition = field(init=False)
    uploads: Uploads = field(init=False)
    outbound: Outbound = field(init=False)
    database: Database = field(init=False)
    answers: Answers = field(init=False)
    metered: Metered = field(init=False)
    transcriber: Transcriber = field(init=False)
    stored: Stored = field(init=False)
    webhooks: Webhooks = field(init=False)
    callbacks: Callbacks = field(init=False)
    sender: Sender = field(init=False)
    callback_sender: Sender = field(init=False)
    voice: Voice = field(init=False)
    turns: TurnJudge = field(init=False)
    talk: TalkParts = field(init=False)
    streams: StreamServices = field(init=False)
    sessions: Sessions = field(init=False)
    bare_model: BareModel = field(init=False)
    deprecations: Deprecations = field(init=False)

    def __post_init__(self) -> None:
        limits, metrics = self.limits, self.metrics
        self.background = Background(metrics)
        self.failures = Failures(metrics)
        self.watch = Watch(limits.no_audio_s, metrics)
        admission = Admission(self.watch, limits.streams, metrics)
        self.database = Database(self.state.path, FORMS, self._root_key, self.database_url)
        self.audit = Audit(self._audit_log())
        self.usage = self._usage()
        its_pepper = cache(self._pepper)
        self.api_keys = ApiKeys(self.database, its_pepper, self.audit)
        self.token_keys = TokenKeys(self.database, its_pepper)
        tokens = AccessTokens(self.token_keys, limits.token_s)
        self.keys = replace(self.keys, made=self.api_keys, tokens=tokens)
        self.tenants = Tenants(self.database)
        self.compute = Compute(self.tenants.allowance, metrics.count_compute)
        self.sound = Sound(self.database, self.tenants)
        residency = Residency(self.tenants, self.audit, self.where)
        self.door = Door(
            self.keys,
            self.tenants,
            self.compute,
            self.sound,
            admission,
            self.versions,
            residency,
            self.audit,
            self.usage,
        )
        self.steps = SwitchableSteps(self.persons)
        billing = () if self.usage is None else (self.usage,)
        self.listeners = Listeners(
            self.failures, *billing, metrics, metrics.indicators, StreamLog(), self.audit
        )
        self.inference_log = None
        if self.inference_file is not None:
            note = metrics.background_failures.note
            self.inference_log = InferenceLog(self.inference_file, note)
            self.listeners.add(self.inference_log)
        self.preparation = Preparation()
        self.uploads = Uploads(limits, self.preparation)
        self.recognition = Recognition(self.preparation, self.steps, metrics, self.listeners)
        outbound = self.outbound = Outbound(self.allowed_hosts)
        self.webhooks = Webhooks(self.database)
        self.callbacks = Callbacks(self.database)
        first_s = limits.webhook_first_s
        self.sender = Sender(self.state, self.webhooks, outbound, first_s)
        self.callback_sender = Sender(self.state, self.callbacks, outbound, first_s)
        self.answers = Answers(self.database)
        self.metered = Metered(self.database)
        allowance = operations.Allowance(limits.operations_of_one, limits.operations)
        self.transcriber = Transcriber(
            self.state,
            operations.Operations(self.database, allowance, _tell, self.audit),
            kept_uploads.KeptUploads(self.database, allowance, self.audit),
            Spool(self.state.path, limits.operation_bytes, limits.spool_bytes),
            redacted_audio.RedactedAudio(
                self.database,
                Spool(self.state.path, limits.operation_bytes, limits.spool_bytes, "redacted"),
                self.preparation,
            ),
            self.door,
            self.recognition,
            self.preparation,
            self.failures,
            outbound,
            limits.operation_audio_s,
            self.usage,
        )
        self.stored = Stored(self.database, self.transcriber, self.audit)
        self.voice = Voice(self.listeners)
        self.language = (
            LocalLanguage(load_language)
            if self.replies is None
            else EndpointLanguage(self.replies.url, self.replies.model, self.replies.key)
        )
        self.talk = TalkParts(
            ReplyParts(self.voice, self.listeners, self.failures), metrics, self.language
        )
        self.turns = TurnJudge(load_turns, lambda: self.watch.interim_stretch() > 1)
        self.streams = StreamServices(
            limits,
            metrics,
            self.watch,
            self.spans.tracer,
            self.steps,
            self.dead_letters,
            self.failures,
            self.listeners,
            self.turns,
        )
        self.sessions = Sessions(self.streams, metrics.count_session_connection)
        self.deprecations = Deprecations(metrics)
        self.bare_model = BareModel(
            self.door, self.versions, limits, self.preparation, self.listeners
        )

    def _pepper(self) -> bytes:
        """What goes with the server needs none that outlives it."""
        return PEPPER.of(os.environ) if self.state.is_kept else short_lived()

    def _root_key(self) -> bytes:
        """What goes with the server needs none that outlives it."""
        return ROOT_KEY.of(os.environ) if self.state.is_kept else new_root()

    def _audit_log(self) -> AuditLog | None:
        """Kept only where somebody said that something is to be."""
        if self.audit_folder is None and not self.state.is_kept:
            return None
        folder = self.audit_folder or self.state.path() / AUDIT_FOLDER
        return AuditLog(folder, lambda: AUDIT_KEY.of(os.environ), self.metrics)

    def _usage(self) -> Usage | None:
        """Written only where somebody said that something is to be kept."""
        if self.usage_folder is None and not self.state.is_kept:
            return None
        folder = self.usage_folder or self.state.path() / USAGE_FOLDER
        return Usage(folder, self.versions.model, self.where.here, self.metrics)

    @property
    def ports(self) -> tuple[int, int | None]:
        """Of gRPC, and of TLS."""
        return self.grpc_port, self.tls_port

    def stop(self) -> None:
        """Free the versions and the workers that prepare uploads; write what traces are left."""
        self.preparation.stop()
        self.voice.stop()
        self.language.stop()
        if self.persons is not None:
            self.persons.stop()
        self.sound.write_now()
        self.database.close()
        if self.usage is not None:
            self.usage.close()
        if self.inference_log is not None:
            self.inference_log.close()
        if self.audit.log is not None:
            self.audit.log.close()
        self.state.remove()
        self.turns.stop()
        self.versions.stop()
        self.spans.stop()


def _tell(rows: Rows, operation: Operation) -> None:
    """Write all messages about an operation that ends, in the transaction that ends it."""
    webhooks.tell(rows, operation)
    tell_of_transcript(rows, operation)
    tell_of_recording(rows, operation)
