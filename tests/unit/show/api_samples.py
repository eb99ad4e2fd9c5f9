"""Runs of lab 07's experiments, made by hand: usual ones, and ones that came out otherwise."""

from lab_kit.core.errors import LabError, PayloadTooLarge
from lab_kit.experiments.api import (
    Attempt,
    Attempted,
    Cut,
    Paid,
    StormRun,
    Surge,
    Told,
    Way,
    WayTaken,
)
from lab_kit.protocol.webhooks import Delivery, DeliveryState

TOO_LARGE = PayloadTooLarge("the recording lasts 1,200.0 s", "at most 600 s", "hand it over")
PLAN = Surge(4.0, 20.0, 1.0, 2.0, 3.0)
MESSAGE = "msg_01a22a89851d7324b328b49e5b72c954"


def taken(
    way: Way, audio_s: float, all_s: float | None, refusal: LabError | None = None
) -> WayTaken:
    first_s = all_s if way is not Way.STREAM or all_s is None else 0.5
    return WayTaken(way, audio_s, first_s, all_s, all_s, 12_000_000, refusal)


def three(audio_s: float, request_s: float | None, operation_s: float) -> list[WayTaken]:
    """One recording; a request that is None was refused."""
    refusal = TOO_LARGE if request_s is None else None
    streamed = taken(Way.STREAM, audio_s, audio_s)
    if audio_s > 10:
        streamed = WayTaken(Way.STREAM, audio_s, 0.5, audio_s, audio_s, is_measured=False)
    return [
        taken(Way.REQUEST, audio_s, request_s, refusal),
        taken(Way.OPERATION, audio_s, operation_s),
        streamed,
    ]


USUAL_WAYS = [*three(4.18, 0.07, 0.16), *three(58.6, 0.9, 1.1), *three(1_199.2, None, 24.0)]
SLOW_WAYS = [*three(4.18, 1.3, 1.6), *three(58.6, 14.5, 17.0), *three(599.0, 140.0, 141.0)]

CUTS = [
    Cut(Way.REQUEST, 18.5, 18.5, "the same request", "What time do you open? " * 6),
    Cut(Way.OPERATION, 18.5, 0.0, "asking by its name", "What time do you open? " * 6),
    Cut(Way.STREAM, 12.0, 2.2, "a new stream, behind the last final", "What time?"),
]


def paid_by(*times: float) -> list[Paid]:
    """A request and an operation, without and with a key, computed so often."""
    kinds = [(way, key) for way in (Way.REQUEST, Way.OPERATION) for key in (False, True)]
    return [
        Paid(way, key, 8.65, 8.65 * n, n < 1.5, 0 if way is Way.REQUEST else round(n))
        for (way, key), n in zip(kinds, times, strict=True)
    ]


def storm_run(
    name: str, refused: int, answered: int = 40, cores: float = 0.2, late_s: float = 0.0
) -> StormRun:
    """A run of so many attempts of either kind, spread over the plan."""
    count = refused + answered
    attempts = tuple(
        Attempt(n, PLAN.seconds * n / count, n < 56, n % count < answered) for n in range(count)
    )
    return StormRun(name, PLAN, attempts, 2.5, (late_s,) * 56, cores)


STORMS = [storm_run("at once", 300, 30), storm_run("fixed delay", 150), storm_run("listening", 30)]


def told(
    failed: int = 8, is_taken: bool = True, ids: tuple[str, ...] = (MESSAGE,), counted: int = 8
) -> Told:
    """A message that was refused so often, then replayed."""
    at_s, attempts = 0.0, []
    for n in range(failed):
        attempts.append(Attempted(at_s, 500, ids[n % len(ids)], {}, b"{}", is_valid=True))
        at_s += max(0.04, 0.004 * 4.0**n)
    status = 204 if is_taken else 500
    attempts.append(Attempted(at_s + 0.5, status, ids[0], {}, b"{}", True, True))
    state = DeliveryState.DELIVERED if is_taken else DeliveryState.DEAD
    given_up, at_last = (
        Delivery(MESSAGE, "operation.succeeded", one, many, "2026", None, None)
        for one, many in ((DeliveryState.DEAD, counted), (state, 1))
    )
    checks = {"as it came": True, "another body": False}
    return Told(tuple(attempts), given_up, at_last, checks)
