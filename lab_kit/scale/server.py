"""One server by events: callers' sound comes in chunk by chunk, decodes share a few cores.

Threads are the callers' process, the event loop and the engine's workers; they share the machine's
processors (`cores`). What is predicted is what `experiments.scale.plateaus` measures: final delays,
processor time, decodes.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab_kit.scale.cores import Cores, Thread
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.decoding import Decoder
from lab_kit.scale.listening import Listener
from lab_kit.scale.sound import CallerSound, sound_seconds

PATIENCE_S = 10.0
"""After the last sound; who has no final by then never gets one."""
EDGE_S = 0.05
"""Spans that share less than this only touch; as in `measure.calls`."""


@dataclass(frozen=True, slots=True)
class ServerRun:
    """What became of a run.

    Attributes:
        audio_s: of sound, of all callers.
        final_delays_s: of every utterance that ended after the warm-up: from its true end to the
            final that holds it; infinite where there is none.
        server_cpu_s: processor time, the callers' left out.
        decoding_cpu_s: of it, what decoding took.
        device_s: time that workers had something to do.
        finals, interims: decodes that were done.
    """

    streams: int
    audio_s: float
    final_delays_s: tuple[float, ...]
    server_cpu_s: float
    decoding_cpu_s: float
    device_s: float
    finals: int
    interims: int

    @property
    def cpu_s_per_audio_s(self) -> float:
        """What a second of sound costs the server."""
        return self.server_cpu_s / self.audio_s

    @property
    def decodes_per_audio_s(self) -> float:
        """How often a second of sound was decoded, finals and interims."""
        return (self.finals + self.interims) / self.audio_s


def serve(
    callers: Sequence[CallerSound], costs: ServerCosts, *, warm_up_s: float = 0.0
) -> ServerRun:
    """Let the callers speak."""
    return _Server(callers, costs).run(warm_up_s)


class _Server:
    def __init__(self, callers: Sequence[CallerSound], costs: ServerCosts) -> None:
        self._callers = callers
        self._costs = costs
        self._generator, self._loop = Thread(), Thread()
        self._workers = [Thread() for _ in range(costs.workers)]
        self._cores = Cores(
            costs.cores, [self._generator, self._loop, *self._workers], costs.contention
        )
        self._decoder = Decoder(costs, self._workers)
        self._told: list[list[tuple[float, float, float]]] = [[] for _ in callers]
        self._listeners = [
            Listener(n, caller, self._decoder, costs, self._teller(n))
            for n, caller in enumerate(callers)
        ]

    def run(self, warm_up_s: float) -> ServerRun:
        due = [(caller.starts_s + caller.chunk_s, n, 0) for n, caller in enumerate(self._callers)]
        heapq.heapify(due)
        while due:
            at_s, n, chunk = heapq.heappop(due)
            self._run_until(at_s)
            self._send(n, chunk)
            caller = self._callers[n]
            if chunk + 1 < caller.chunks:
                next_s = caller.starts_s + (chunk + 2) * caller.chunk_s
                heapq.heappush(due, (next_s, n, chunk + 1))
        self._run_until(self._cores.now_s + PATIENCE_S)
        return self._result(warm_up_s)

    def _run_until(self, at_s: float) -> None:
        while self._cores.run_until(at_s):
            pass

    def _send(self, n: int, chunk: int) -> None:
        caller, listener = self._callers[n], self._listeners[n]
        is_last = chunk + 1 == caller.chunks

        def received() -> None:
            listener.push(chunk)
            if is_last:
                listener.finish(caller.seconds)

        def sent() -> None:
            self._loop.do(self._costs.sound * caller.chunk_s, received)

        self._generator.do(self._costs.caller * caller.chunk_s, sent)

    def _teller(self, n: int) -> Callable[[float, float], None]:
        def told(start_s: float, end_s: float) -> None:
            self._told[n].append((start_s, end_s, self._cores.now_s + self._costs.delay_s))

        return told

    def _result(self, warm_up_s: float) -> ServerRun:
        delays = [
            delay_s
            for n, caller in enumerate(self._callers)
            for at_s, delay_s in self._delays(n, caller)
            if at_s >= warm_up_s
        ]
        decoding_s = sum(worker.used_s for worker in self._workers)
        wall_s = max(caller.starts_s + caller.seconds for caller in self._callers)
        return ServerRun(
            streams=len(self._callers),
            audio_s=sound_seconds(self._callers),
            final_delays_s=tuple(delays),
            server_cpu_s=decoding_s + self._loop.used_s + self._costs.idle * wall_s,
            decoding_cpu_s=decoding_s,
            device_s=sum(worker.busy_s for worker in self._workers),
            finals=self._decoder.finals,
            interims=self._decoder.interims,
        )

    def _delays(self, n: int, caller: CallerSound) -> list[tuple[float, float]]:
        found = []
        for start_s, end_s in caller.spoken_s:
            ended_s = caller.starts_s + end_s
            after = [
                at_s
                for from_s, to_s, at_s in self._told[n]
                if from_s < end_s - EDGE_S and to_s > start_s + EDGE_S and at_s > ended_s - EDGE_S
            ]
            found.append((ended_s, max(after) - ended_s if after else math.inf))
        return found
