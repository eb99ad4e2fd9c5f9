"""What the routes share: the versions, the limits, the keys, the open streams."""

import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hmac import compare_digest

from lab_kit.core.errors import OperatorLocked, SystemOverloaded, Unauthenticated
from lab_kit.core.events import Event, PriorityClass
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.watch import OpenStream, Watch
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.tracing import Spans
from lab_kit.gateway.versions.lease import Lease
from lab_kit.gateway.versions.versions import Versions
from lab_kit.stream.dead_letters import DeadLetters
from lab_kit.stream.pipeline import StreamPipeline, Surroundings
from lab_kit.stream.sink.steps import STEPS, Step
from lab_kit.stream.tracing import Tracing


class StepSwitchedOff(Exception):
    """An operator wanted to see an optional step fail."""


OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"


@dataclass(slots=True)
class Serving:
    """The server's state.

    Attributes:
        preparation: decodes uploads and finds the speech in them, one at a time: on a few cores
            more at once would only slow down the engine, and with it the live streams.
        key: the only key that is accepted from callers; None accepts any, and none.
        operator_key: the only key that moves versions; None lets nobody.
        grpc_port: where gRPC is spoken, once it is.
        spans: where traces go.
        dead_letters: decodes that failed for good.
        failing_steps: optional steps that are made to fail, to see that they fail alone.
        watch: the level of service, and what a stream costs.
    """

    limits: Limits
    versions: Versions
    metrics: Metrics
    key: str | None = None
    operator_key: str | None = None
    draining: bool = False
    grpc_port: int | None = None
    spans: Spans = field(default_factory=Spans)
    dead_letters: DeadLetters = field(default_factory=DeadLetters)
    failing_steps: set[str] = field(default_factory=set)
    streams: set[OpenStream] = field(default_factory=set)
    preparation: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "preparation"))
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.metrics, self.limits)

    @property
    def ready(self) -> bool:
        """Production loaded, a warm-up inference done, and not about to stop."""
        return self.versions.is_ready and not self.draining

    def lease(self, number: int | None = None) -> Lease:
        """A version for one stream or request; see `Versions.lease`."""
        return self.versions.lease(number)

    def check_key(self, authorization: str | None, subprotocols: list[str]) -> None:
        """Accept a request's key.

        Args:
            authorization: the header, with any scheme; a browser, which cannot set it, offers
                the scheme and the key as two subprotocols instead.

        Raises:
            Unauthenticated: a key is set and this is not it.
        """
        if self.key is None:
            return
        _require(self.key, authorization or " ".join(subprotocols[:2]))

    def check_operator_key(self, authorization: str | None) -> None:
        """Accept an operator's key; a caller's key is none.

        Raises:
            OperatorLocked: the server was given no such key, so that nobody has it.
            Unauthenticated: this is not it.
        """
        if self.operator_key is None:
            raise OperatorLocked(
                "the operator's API, which is locked",
                "a server that was started with an operator's key",
                f"set {OPERATOR_KEY_VARIABLE}, or pass --operator-key, and start it again",
            )
        _require(self.operator_key, authorization or "")

    def admit(self, priority_class: PriorityClass = PriorityClass.INTERACTIVE) -> None:
        """Make sure that one more stream may open.

        Raises:
            SystemOverloaded: the server is full, reduces its service, or is stopping.
        """
        self._check_going_on()
        self.watch.admit(priority_class, self.streams)

    def admit_recording(self) -> None:
        """Make sure that one more recording may be taken: batch work, and in no stream's place.

        Raises:
            SystemOverloaded: the server reduces its service, or is stopping.
        """
        self._check_going_on()
        self.watch.admit(PriorityClass.BATCH, ())

    def around(self) -> Surroundings:
        """What each stream's pipeline is given."""
        return Surroundings(
            tracing=Tracing(self.spans.tracer, self.metrics.time_stage),
            interim_stretch=self.watch.interim_stretch,
            steps={name: self._step(name, step) for name, step in STEPS.items()},
            on_skipped=self.metrics.count_skipped,
            dead_letters=self.dead_letters,
        )

    def sent(self, event: Event, pipeline: StreamPipeline, version: int) -> None:
        """A live stream's event was handed to the socket: account for it everywhere."""
        sent_ns = time.perf_counter_ns()
        pipeline.sent(event, sent_ns)
        self.metrics.count(event, sent_ns, version, pipeline.trace_id)
        self.watch.sent(event, sent_ns, pipeline.options.priority_class)

    def look(self) -> None:
        """See how the server does, and act on it; called a few times a second."""
        load = self.versions.load_now()
        if load is not None:
            self.watch.look(load, self.streams, time.perf_counter_ns())

    def _check_going_on(self) -> None:
        if self.draining:
            raise SystemOverloaded(
                "the server stops", "one that goes on", "try again after the stated delay"
            )

    def _step(self, name: str, step: Step) -> Step:
        def apply(text: str) -> str:
            if name in self.failing_steps:
                raise StepSwitchedOff(name)
            return step.apply(text)

        return replace(step, apply=apply)

    def stop(self) -> None:
        """Free the versions and the thread that prepares uploads."""
        self.preparation.shutdown(wait=False, cancel_futures=True)
        self.versions.stop()
        self.spans.stop()


def _require(key: str, offered: str) -> None:
    """Compare with the last word that was offered, whatever scheme stands before it."""
    given = offered.split()[-1] if offered.split() else ""
    if not compare_digest(given.encode(), key.encode()):
        raise Unauthenticated(
            "no key" if not given else "a key that is not valid here",
            "Authorization: Token KEY",
            "ask whoever started the server for its key",
        )
