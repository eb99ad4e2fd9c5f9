"""Lab 05: choose a wire for five clients, measure a stall, keep a stream alive.

The choice is judged by what each client needs and each wire has. The other two are judged by the
reader's own streams.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab_kit.client import Wire
from lab_kit.core.call_record import StreamCall
from lab_kit.core.events import Final
from lab_kit.core.units import ms
from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.experiments.load import Network
from lab_kit.measure.percentiles import percentile
from lab_kit.measure.wires import audio_lags_s, stall_s

TOLERANCE_MS = 5.0
FEWEST_MOMENTS = 5
LEAST_STALL_MS = 60.0
"""A lost packet holds TCP up for a round trip and the time to the next one, 110 ms on the lab's
network; less than a round trip shows that none was."""

LIVE = "results while somebody speaks"
BROWSER = "a page in a browser can open it"
NO_UDP = "it passes a firewall that lets only TCP out"
NO_STALL = "one lost packet does not hold up the sound behind it"
BINARY = "sound travels as bytes, without a third on top"
TEXT_ONLY = "every message is JSON text"
WINDOWS = "each stream has flow control of its own, many on one connection"
PLAIN_HTTP = "one ordinary request and its answer, no connection kept open"

HAS: Mapping[Wire, frozenset[str]] = {
    Wire.WEBSOCKET: frozenset({LIVE, BROWSER, NO_UDP, BINARY}),
    Wire.REALTIME: frozenset({LIVE, BROWSER, NO_UDP, TEXT_ONLY}),
    Wire.GRPC: frozenset({LIVE, NO_UDP, BINARY, WINDOWS}),
    Wire.UPLOAD: frozenset({BROWSER, NO_UDP, BINARY, PLAIN_HTTP}),
    Wire.WEBRTC: frozenset({LIVE, BROWSER, BINARY, NO_STALL}),
}
NEEDS: Mapping[str, frozenset[str]] = {
    "A": frozenset({LIVE, BROWSER, NO_STALL}),
    "B": frozenset({LIVE, BINARY, WINDOWS}),
    "C": frozenset({PLAIN_HTTP}),
    "D": frozenset({LIVE, BROWSER, NO_UDP, BINARY}),
    "E": frozenset({LIVE, NO_UDP, TEXT_ONLY}),
}


@dataclass(frozen=True, slots=True)
class _Stall:
    """One call's stall as it was measured, and what a mistake would make of it."""

    wire: str
    measured_ms: float
    mistakes: tuple[tuple[float, str], ...]


def judge_decision(answer: Any, _: object) -> Outcome:
    """05.1: a wire for each of five clients."""
    if not isinstance(answer, dict) or set(answer) != set(NEEDS):
        return not_yet(repr(answer), f"a wire for each of {', '.join(NEEDS)}", "the briefs")
    chosen = {client: _wire(said) for client, said in answer.items()}
    unknown = [f"{c}: {answer[c]!r}" for c, wire in chosen.items() if wire is None]
    if unknown:
        return not_yet(
            "; ".join(unknown), f"one of {', '.join(w.value for w in Wire)}", "client.Wire"
        )
    wrong = [
        f"{client}: {wire.value} lacks what is needed: {'; '.join(sorted(lacking))}"
        for client, wire in chosen.items()
        if wire is not None and (lacking := NEEDS[client] - HAS[wire])
    ]
    if wrong:
        right = len(NEEDS) - len(wrong)
        return not_yet("\n".join(wrong), "a wire with all that its client needs", f"{right} of 5")
    return passed(
        "Five clients, five wires: there is no best one.",
        "Each brief had one sentence that decided; find that sentence first in your next one.",
    )


def judge_stall(answer: Any, measured: object) -> Outcome:
    """05.2: the longest stall on each of two wires, from the reader's own lossy calls."""
    calls = _calls(measured)
    if calls is None:
        return not_yet("no calls", "the lossy calls by wire", 'check("05.2", stalls_ms, lossy)')
    if not isinstance(answer, dict) or set(answer) != set(calls):
        return not_yet(repr(answer), f"milliseconds for each of {', '.join(calls)}", "its keys")
    for name, call in calls.items():
        if len(audio_lags_s(call)) < FEWEST_MOMENTS:
            return inconclusive(f"{name}: too few moments of audio were seen", "a longer clip")
    stalls = [_stall(name, call) for name, call in calls.items()]
    wrong = [w for each in stalls if (w := _wrong_stall(each, answer[each.wire]))]
    if wrong:
        return not_yet("\n".join(wrong), "the latest lag less the median one, in ms", "show.lags")
    worst = max(stalls, key=lambda each: each.measured_ms)
    if worst.measured_ms < LEAST_STALL_MS:
        return inconclusive("no packet was lost this time", "stream again with more loss")
    return passed(
        *(f"{each.wire}: {each.measured_ms:,.0f} ms behind the usual lag" for each in stalls),
        "TCP must deliver in order, so what follows a lost packet waits for its second try.",
        "UDP lost a moment of sound for good instead: the choice is between late and never.",
    )


def judge_keep_alive(answer: Any, measured: object) -> Outcome:
    """05.3: an interval at which a held stream survives a proxy that closes idle connections."""
    network, call = _held(measured)
    if network is None or network.idle_close_s is None:
        return not_yet("no network", "what the stream went through", "(impatient, kept)")
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not answer > 0:
        return not_yet(repr(answer), "an interval in seconds", "its type")
    limit_s = network.idle_close_s
    if answer >= limit_s:
        return not_yet(
            f"a message every {answer:g} s", f"before {limit_s:g} s of silence", "the proxy's limit"
        )
    if answer > limit_s / 2:
        return not_yet(
            f"a message every {answer:g} s",
            "room for one that is late or lost: at most half of the limit",
            f"{limit_s:g} s is when the proxy gives up",
        )
    if answer < limit_s / 20:
        return not_yet(
            f"a message every {answer:g} s",
            "no more often than is needed: a radio that sends never sleeps",
            f"half of {limit_s:g} s is enough",
        )
    if call is None or not any(isinstance(r.event, Final) and r.event.text for r in call.received):
        return not_yet("no stream that survived", "its final after the hold", "the measured call")
    return passed(
        f"One message every {answer:g} s kept the stream through a limit of {limit_s:g} s.",
        "At a proxy's usual minute the same rule says: every 30 s, or more often.",
    )


EXERCISES = (
    Exercise(
        "05.1",
        "Decide for five clients",
        judge_decision,
        (
            "In each brief one sentence rules out all wires but one. Which?",
            "A fears a lost packet, B many streams on one connection, C keeps nothing open,"
            " D gets no UDP through and pays for bytes, E can only send text.",
            "A WebRTC, B gRPC, C upload, D WebSocket, E WebSocket with base64.",
        ),
    ),
    Exercise(
        "05.2",
        "Measure head-of-line blocking",
        judge_stall,
        (
            "Delay moves every lag by the same; a stall moves some. Which difference shows it?",
            "lab_kit.measure.wires.audio_lags_s(call) gives (audio, lag) pairs, in seconds.",
            "For each call: the largest lag less the median lag, times 1,000; or stall_s(call).",
        ),
    ),
    Exercise(
        "05.3",
        "Keep a stream alive through a proxy",
        judge_keep_alive,
        (
            "How long may nothing pass before the proxy closes? It counts from the last byte,"
            " whoever sent it.",
            "One message may be late or lost, so two intervals have to fit into the limit.",
            "my_interval_s = impatient.idle_close_s / 2, or somewhat less.",
        ),
    ),
)


def _wire(said: object) -> Wire | None:
    """A wire by itself, by its value or by its name."""
    for wire in Wire:
        names = (wire.value.lower(), wire.name.lower())
        if said == wire or (isinstance(said, str) and said.lower() in names):
            return wire
    return None


def _calls(measured: object) -> dict[str, StreamCall] | None:
    if not isinstance(measured, Mapping) or not measured:
        return None
    calls = {str(name): call for name, call in measured.items() if isinstance(call, StreamCall)}
    return calls if len(calls) == len(measured) else None


def _stall(name: str, call: StreamCall) -> _Stall:
    lags_ms = [ms(lag_s) for _, lag_s in audio_lags_s(call)]
    measured_ms = ms(stall_s(call) or 0.0)
    return _Stall(
        name,
        measured_ms,
        (
            (max(lags_ms), "the delay of the line is in it: take the usual lag off"),
            (measured_ms / 1000, "that is seconds"),
            (percentile(lags_ms, 0.5), "that is the usual lag, not the longest"),
            (sum(lags_ms) / len(lags_ms), "an average hides what one packet did"),
        ),
    )


def _wrong_stall(each: _Stall, said: object) -> str | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return f"{each.wire}: {said!r} is not a number of milliseconds"
    if abs(said - each.measured_ms) <= TOLERANCE_MS:
        return None
    close = [why for value, why in each.mistakes if abs(said - value) <= abs(value) * 0.01 + 1e-3]
    return f"{each.wire}: {said:.1f} ms; {close[0] if close else 'not what the call shows'}"


def _held(measured: object) -> tuple[Network | None, StreamCall | None]:
    if not isinstance(measured, tuple) or len(measured) != 2:
        return None, None
    network, call = measured
    return (
        network if isinstance(network, Network) else None,
        call if isinstance(call, StreamCall) else None,
    )
