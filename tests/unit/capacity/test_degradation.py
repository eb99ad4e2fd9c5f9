"""The service level: up in order under pressure, back again, and never to and fro."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from lab_kit.capacity.degradation import (
    INTERIM_STRETCH,
    Degradation,
    Level,
    LevelChange,
    RecentWaits,
    Signals,
    Thresholds,
    to_close,
)
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import PriorityClass

INTERACTIVE, STANDARD, BATCH = PriorityClass
LOOK_S = 0.25


def run(
    controller: Degradation, load: Callable[[float], Signals], seconds: float
) -> list[LevelChange]:
    """Show it a load for so long; every step that it took."""
    looks = (n * LOOK_S for n in range(round(seconds / LOOK_S)))
    seen = (controller.observe(load(at_s), at_s) for at_s in looks)
    return [change for change in seen if change is not None]


def steps(changes: Iterable[LevelChange]) -> list[tuple[Level, Level]]:
    return [(change.before, change.after) for change in changes]


def waits(final_wait_s: float) -> Signals:
    return Signals(final_wait_s=final_wait_s)


def test_a_square_load_goes_up_once_and_down_once_in_order() -> None:
    controller = Degradation()
    changes = run(controller, lambda at_s: waits(0.5 if 10 <= at_s < 30 else 0.01), 60)
    levels = list(Level)
    up = list(pairwise(levels))
    down = [(after, before) for before, after in reversed(up)]
    assert steps(changes) == up + down
    assert controller.level is Level.FULL


def test_what_a_step_itself_relieves_does_not_bring_it_back() -> None:
    """The load just over the limit that halves when interims are stretched, for ever."""
    controller = Degradation()

    def relieved(at_s: float) -> Signals:
        return Signals(busy=1.0 if controller.level is Level.FULL else 0.75)

    changes = run(controller, relieved, 300)
    assert steps(changes) == [(Level.FULL, Level.FEWER_INTERIMS)]


def test_busy_workers_cost_interims_and_turn_nobody_away() -> None:
    """Interims take whatever time there is; as long as nobody is late, that is no overload."""
    controller = Degradation()
    changes = run(controller, lambda at_s: Signals(final_wait_s=0.02, busy=0.95), 120)
    assert steps(changes) == [(Level.FULL, Level.FEWER_INTERIMS)]


def test_workers_without_a_free_moment_are_an_overload() -> None:
    controller = Degradation()
    run(controller, lambda at_s: Signals(busy=1.0), 20)
    assert controller.level is Level.CLOSE_LOW


def test_after_an_overload_busy_workers_turn_nobody_away_any_more() -> None:
    controller = Degradation()
    run(controller, lambda at_s: waits(0.5), 20)
    run(controller, lambda at_s: Signals(final_wait_s=0.02, busy=0.9), 60)
    assert controller.level is Level.FEWER_INTERIMS


def test_pressure_that_comes_and_goes_moves_nothing() -> None:
    controller = Degradation()
    changes = run(controller, lambda at_s: waits(0.3 if round(at_s / LOOK_S) % 2 else 0.0), 60)
    assert changes == []


@pytest.mark.parametrize(
    "signals",
    [Signals(final_wait_s=0.1), Signals(queue_wait_s=0.5), Signals(busy=0.85)],
)
def test_any_signal_at_its_limit_is_pressure(signals: Signals) -> None:
    assert signals.pressure(Thresholds(), Level.FULL) == pytest.approx(1)
    controller = Degradation()
    assert run(controller, lambda at_s: signals, 3) != []


def test_an_idle_server_without_finals_recovers() -> None:
    controller = Degradation()
    run(controller, lambda at_s: waits(1.0), 10)
    assert controller.level is Level.CLOSE_LOW
    for n in range(200):
        controller.observe(Signals(), 10 + n * LOOK_S)
    assert controller.level is Level.FULL


def test_every_level_keeps_what_those_below_do() -> None:
    controller = Degradation()
    told = []
    for level in Level:
        controller.level = level
        refused = [kind for kind in PriorityClass if controller.refuses(kind)]
        told.append((controller.interim_stretch, refused, controller.closes))
    assert told == [
        (1.0, [], False),
        (INTERIM_STRETCH, [], False),
        (INTERIM_STRETCH, [STANDARD, BATCH], False),
        (INTERIM_STRETCH, list(PriorityClass), False),
        (INTERIM_STRETCH, list(PriorityClass), True),
    ]


def test_the_longest_of_the_least_urgent_goes_first_and_nobody_who_speaks() -> None:
    assert to_close([(INTERACTIVE, 900), (STANDARD, 500), (BATCH, 5), (BATCH, 50)]) == 3
    assert to_close([(INTERACTIVE, 900), (STANDARD, 5), (STANDARD, 500)]) == 2
    assert to_close([(INTERACTIVE, 900)]) is None
    assert to_close([]) is None


@pytest.mark.parametrize(
    "wrong", [{"busy": 0.0}, {"fall": 1.0}, {"rise_s": -1.0}, {"final_wait_s": float("nan")}]
)
def test_thresholds_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter):
        Thresholds(**wrong)


def test_waits_are_those_of_the_last_seconds() -> None:
    recent = RecentWaits(window_s=5, least=20)
    recent.add(0.9, now_s=0)
    for n in range(20):
        recent.add(0.01 * n, now_s=4)
    assert recent.p95_s(5) == pytest.approx(0.19)
    assert recent.p95_s(5.1) == pytest.approx(0.18)
    recent.clear()
    assert recent.p95_s(5.1) is None


def test_a_few_finals_say_nothing() -> None:
    recent = RecentWaits()
    recent.add(9.0, now_s=1)
    assert recent.p95_s(1) is None
