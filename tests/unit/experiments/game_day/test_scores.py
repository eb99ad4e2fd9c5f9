"""A game day's arithmetic: what a dashboard shows, and what an incident took and cost."""

import math

from lab_kit.experiments.game_day import (
    RUNBOOKS,
    Action,
    CallSeen,
    Dashboard,
    Ending,
    Fault,
    Gauges,
    Incident,
    order_by_chance,
    score,
    scores_table,
)
from lab_kit.experiments.game_day.score import HOLD_S, Done, Said

WELL = Gauges(memory_share=0.5)
USUAL_S = 0.2


def served(
    at_s: float, *, delay_s: float = USUAL_S, version: str = "1", errors: int = 0
) -> CallSeen:
    return CallSeen(at_s - 2, at_s, Ending.SERVED, "s", version, delay_s, errors, 12)


def lost(at_s: float, ending: Ending = Ending.CUT) -> CallSeen:
    return CallSeen(at_s - 1, at_s, ending)


def board(*calls: CallSeen, at_s: float = 10.0, gauges: Gauges = WELL) -> Dashboard:
    return Dashboard(at_s, 4, calls, gauges, USUAL_S, is_paging=False)


def shown(seen: Dashboard) -> set[Fault]:
    return {one for one in Fault if seen.shows(one)}


def test_a_service_that_is_well_shows_nothing() -> None:
    assert shown(board(*(served(n) for n in range(6, 10)))) == set()
    assert shown(board()) == set(), "nor does one that nobody calls"


def test_each_sign_is_seen_and_a_little_less_is_not() -> None:
    good, bad = served(7.0), served(8.0, version="2", errors=4)
    assert shown(board(good, bad)) == {Fault.BAD_VERSION}
    assert shown(board(good, served(8.0, version="2"))) == set()
    assert shown(board(bad)) == set(), "one version has nothing to be compared with"
    better = served(8.0, version="10"), served(8.0, version="9", errors=4)
    assert shown(board(*better)) == set(), "the newest is the canary, by number"
    assert shown(board(*(lost(9.0) for _ in range(4)))) == {Fault.CASCADE}
    assert shown(board(*(lost(9.0) for _ in range(3)))) == set()
    assert shown(board(gauges=Gauges(memory_share=0.91))) == {Fault.MEMORY}
    assert shown(board(gauges=Gauges(starts_s=(6.0, 8.0)))) == {Fault.STARTS}
    assert shown(board(gauges=Gauges(starts_s=(1.0, 8.0)))) == set()
    for off_s in (0.001, -0.001):
        assert shown(board(gauges=Gauges(off_s=off_s))) == {Fault.BILLING}
    assert shown(board(*(served(n, delay_s=0.4) for n in range(6, 9)))) == {Fault.DRIFT}


def test_calls_that_a_restart_cut_are_no_cascade() -> None:
    cut = [lost(9.0) for _ in range(8)]
    assert Fault.CASCADE not in shown(board(*cut, gauges=Gauges(starts_s=(9.1,))))
    assert Fault.CASCADE not in shown(board(*cut, gauges=Gauges(is_ready=False)))


def test_the_table_has_what_the_signs_are_made_of() -> None:
    text = board(served(8.0), served(9.0, version="2", errors=6), lost(9.0)).table.text
    for part in ("of them cut", "version 2", "memory of what is allowed", "billed beyond", "page"):
        assert part in text


def incident(
    *,
    said: tuple[Said, ...] = (),
    done: tuple[Done, ...] = (),
    signs_s: tuple[float, ...] = (),
    until_s: float = 40.0,
) -> Incident:
    """Memory that is short, from 10 s on."""
    seen = tuple(
        board(at_s=n / 2, gauges=Gauges(memory_share=0.95 if n / 2 in signs_s else 0.5))
        for n in range(20, int(2 * until_s))
    )
    calls = (served(12.0), served(13.0, delay_s=2.0), lost(14.0), lost(15.0, Ending.REFUSED))
    return Incident(Fault.MEMORY, 10.0, until_s, said, done, seen, calls, 0.25, 0.01)


def test_times_run_from_the_fault_to_what_was_said_done_and_seen() -> None:
    book = RUNBOOKS[Fault.MEMORY]
    assert book.mend is not None
    found = score(
        incident(
            said=(Said(14.0, Fault.MEMORY),),
            done=(Done(15.0, book.contain), Done(19.0, book.mend)),
            signs_s=(12.0, 13.0, 16.5),
        )
    )
    assert (found.detect_s, found.contain_s, found.resolve_s) == (4.0, 6.5, 9.0)
    assert (found.finals_lost, found.turned_away, found.late, found.wrong) == (1, 1, 1, 0)
    assert (found.off_usd, found.budget_spent) == (0.25, 0.01)


def test_what_was_not_done_did_not_happen() -> None:
    nothing = score(incident(signs_s=(12.0, 39.5)))
    assert (nothing.detect_s, nothing.contain_s, nothing.resolve_s) == (None, None, None)
    book = RUNBOOKS[Fault.MEMORY]
    came_back = score(incident(done=(Done(15.0, book.contain),), signs_s=(12.0, 40 - HOLD_S / 2)))
    assert came_back.contain_s is None, "its sign was there at the end"
    by_luck = score(incident(signs_s=(12.0,)))
    assert by_luck.contain_s is None, "it went away by itself: nobody contained it"
    unmended = score(incident(done=(Done(15.0, book.contain),), signs_s=(12.0,)))
    assert (unmended.contain_s, unmended.resolve_s) == (5.0, None)
    assert "-" in scores_table([unmended]).text


def test_wrong_names_and_actions_are_counted() -> None:
    found = score(
        incident(
            said=(Said(12.0, Fault.STARTS), Said(14.0, Fault.MEMORY)),
            done=(Done(13.0, Action.ALLOW_START), Done(15.0, Action.STOP_GROWER)),
        )
    )
    assert found.wrong == 2
    assert found.detect_s == 4.0


def test_the_second_round_has_each_fault_once_and_its_seed_decides() -> None:
    orders = [order_by_chance(seed) for seed in range(20)]
    assert all(sorted(order) == sorted(Fault) for order in orders)
    assert order_by_chance(3) == order_by_chance(3)
    assert len({tuple(order) for order in orders}) > 10


def test_a_call_without_a_final_is_not_good() -> None:
    assert not lost(1.0).is_good
    assert math.isinf(lost(1.0).final_delay_s)
    assert board(lost(1.0)).final_delay_s(0.5) is None
