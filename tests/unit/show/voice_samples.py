"""Conversations with the shortest, longest and missing values, for the pictures' tests."""

from collections.abc import Iterator

from lab_kit.core.clock import ClockOffset
from lab_kit.core.replies import ReplyTiming
from lab_kit.core.talk_record import Conversation, TalkTurn

DEVICE = "cpu (a processor, 2 cores)"
LONG = "Could you please tell me whether the shop in the old town is open on Sundays, too"


def turn(
    audible_ms: float | None,
    *,
    heard: str = "What time do you open?",
    answer: str = "At nine.",
    is_ahead: bool = True,
    steps_ms: tuple[float, ...] = (60, 80, 100, 170, 190, 200),
) -> TalkTurn:
    """One whose pause, words, token, clause, sound and end came so long after its last sound."""
    end_ns = 5_000_000_000
    paused, words, token, written, spoken, ended = (end_ns + round(ms * 1e6) for ms in steps_ms)
    timing = ReplyTiming(3.0, paused, words, token, written, spoken, ended, spoken, is_ahead, 1)
    audible_ns = None if audible_ms is None else end_ns + round(audible_ms * 1e6)
    known = None if audible_ms is None else timing
    return TalkTurn(heard, heard, answer, end_ns, audible_ns, known)


def held(*turns: TalkTurn, begun: int = 9, dropped: int = 4) -> Conversation:
    return Conversation(turns, ClockOffset(0, 400_000), DEVICE, begun, dropped, 2.4)


QUICK = held(*(turn(200 + 8 * number) for number in range(20)))
LATE_STEPS = (100, 260, 420, 900, 1_000, 230)


def conversations() -> Iterator[tuple[str, Conversation]]:
    yield "quick", QUICK
    yield "one", held(turn(254), begun=0, dropped=0)
    late = turn(1_040, heard=LONG, answer=LONG, is_ahead=False, steps_ms=LATE_STEPS)
    yield "late", held(late, turn(None), turn(5_000, steps_ms=LATE_STEPS))
    at_limit = turn(303, steps_ms=(90, 130, 170, 260, 280, 200))
    yield "at the limit", held(at_limit, turn(300), turn(299))
    yield "before its end", held(turn(-30, steps_ms=(-250, -240, -220, -200, -190, -60)))
