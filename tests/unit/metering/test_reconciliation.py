"""Three counts agree to the microsecond, and where one was tampered with, it is named."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.event import Quantities, UsageEvent, Used
from lab_kit.metering.period import HOUR_US
from lab_kit.metering.reconciliation import (
    Cause,
    Heard,
    Mark,
    Reconciliation,
    Side,
    from_events,
    from_marks,
    read_marks,
    reconcile,
)

T0_US = 1_700_000_000_000_000 // HOUR_US * HOUR_US
Counts = dict[Side, list[Heard]]


def made(streams: int = 6, each: int = 5) -> Counts:
    """The same sound in three counts: the ledger has more of smaller events than the others."""
    marks, events = [], []
    for stream in range(streams):
        name, tenant = f"s-{stream}", f"tenant-{stream % 2}"
        used = Used(name, name, "stream", tenant, "", "m", 1, "")
        until_us = 0
        for number in range(each):
            amount_us = 1_000_000 + 1_000 * stream + number
            until_us += amount_us
            time_us = T0_US + (number % 2) * HOUR_US // 2 + number * 1_000 + stream
            events.append(
                UsageEvent(
                    "lab_kit/a",
                    f"{name}:{number}",
                    time_us,
                    used,
                    Quantities(billed_us=amount_us),
                    until_us=until_us,
                )
            )
            if number % 2 or number == each - 1:
                marks.append(Mark(name, tenant, time_us + 50, until_us))
    return {
        Side.CLIENT: from_marks(marks),
        Side.LOG: from_marks(marks),
        Side.LEDGER: from_events(events),
    }


def compared(counts: Counts) -> Reconciliation:
    return reconcile(counts[Side.CLIENT], counts[Side.LOG], counts[Side.LEDGER])


def test_counts_of_the_same_sound_agree() -> None:
    found = compared(made())
    assert (found.is_zero, found.findings) == (True, ())
    assert {row.tenant for row in found.rows} == {"tenant-0", "tenant-1"}
    for row in found.rows:
        assert (row.is_equal, row.unexplained_us) == (True, 0)
        assert row.counts_us[Side.LEDGER] > 0


def drop(heard: list[Heard], place: int) -> list[Heard]:
    return [one for one in heard if (one.stream, one.place) != ("s-2", place)]


def change(heard: list[Heard], place: int, **changes: object) -> list[Heard]:
    return [
        replace(one, **changes)  # type: ignore[arg-type]
        if (one.stream, one.place) == ("s-2", place)
        else one
        for one in heard
    ]


def find(heard: list[Heard], place: int) -> Heard:
    return next(one for one in heard if (one.stream, one.place) == ("s-2", place))


SABOTAGE: list[tuple[Cause, Callable[[list[Heard]], list[Heard]]]] = [
    (Cause.LOST, lambda heard: drop(heard, 1)),
    (Cause.LOST, lambda heard: drop(heard, 0)),
    (Cause.CUT_SHORT, lambda heard: drop(heard, 4)),
    (Cause.TWICE, lambda heard: [*heard, replace(find(heard, 1), place=None)]),
    (Cause.EDITED, lambda heard: change(heard, 1, amount_us=7)),
    (Cause.EDITED, lambda heard: change(heard, 1, amount_us=90_000_000)),
    (Cause.HOUR, lambda heard: change(heard, 1, time_us=find(heard, 1).time_us + HOUR_US)),
    (Cause.MISSING, lambda heard: [one for one in heard if one.stream != "s-2"]),
    (
        Cause.TENANT,
        lambda heard: [
            replace(one, tenant="tenant-1") if one.stream == "s-2" else one for one in heard
        ],
    ),
    (Cause.EXTRA, lambda heard: [*heard, Heard("s-9", "tenant-0", T0_US, 5, 5, 0)]),
    (
        Cause.LONGER,
        lambda heard: [
            *heard,
            Heard("s-2", "tenant-0", T0_US, 9, find(heard, 4).until_us + 9, 5),
        ],
    ),
]


@pytest.mark.parametrize(("cause", "sabotage"), SABOTAGE)
def test_what_was_done_to_the_ledger_is_found_and_named(
    cause: Cause, sabotage: Callable[[list[Heard]], list[Heard]]
) -> None:
    counts = made()
    before = sum(one.amount_us for one in counts[Side.LEDGER])
    counts[Side.LEDGER] = sabotage(counts[Side.LEDGER])
    found = compared(counts)
    (finding,) = found.findings
    assert (finding.side, finding.cause) == (Side.LEDGER, cause)
    assert finding.stream == ("s-9" if cause is Cause.EXTRA else "s-2")
    assert finding.total_us == sum(one.amount_us for one in counts[Side.LEDGER]) - before
    assert not found.is_zero
    assert {row.unexplained_us for row in found.rows} == {0}


@pytest.mark.parametrize("side", [Side.CLIENT, Side.LOG])
def test_a_count_that_stops_early_is_the_one_that_is_named(side: Side) -> None:
    counts = made()
    counts[side] = drop(counts[side], 2)
    (finding,) = compared(counts).findings
    assert (finding.side, finding.cause) == (side, Cause.CUT_SHORT)


def test_where_no_two_counts_agree_both_ends_are_named() -> None:
    counts = made()
    counts[Side.CLIENT] = drop(counts[Side.CLIENT], 2)
    counts[Side.LEDGER] = change(counts[Side.LEDGER], 1, amount_us=90_000_000)
    found = compared(counts)
    assert {(one.side, one.cause) for one in found.findings} == {
        (Side.CLIENT, Cause.CUT_SHORT),
        (Side.LEDGER, Cause.EDITED),
    }
    assert {row.unexplained_us for row in found.rows} == {0}


def test_two_mistakes_that_cancel_out_are_both_found() -> None:
    first, second = Heard("s-1", "a", 0, 5, 5, 0), Heard("s-2", "a", 0, 5, 5, 0)
    found = reconcile([first], [first], [second])
    assert [row.is_equal for row in found.rows] == [True]
    assert not found.is_zero
    assert {(one.stream, one.cause) for one in found.findings} == {
        ("s-1", Cause.MISSING),
        ("s-2", Cause.EXTRA),
    }


HEARD = st.builds(
    Heard,
    st.sampled_from(["s-1", "s-2"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 3 * HOUR_US),
    st.integers(0, 50),
    st.integers(0, 50),
    st.none() | st.integers(0, 3),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(HEARD, max_size=6), st.lists(HEARD, max_size=6), st.lists(HEARD, max_size=6))
def test_whatever_differs_is_explained_to_the_microsecond(
    client: list[Heard], log: list[Heard], ledger: list[Heard]
) -> None:
    found = reconcile(client, log, ledger)
    assert {row.unexplained_us for row in found.rows} <= {0}
    if found.is_zero:
        assert all(row.is_equal for row in found.rows)
    for side, heard in ((Side.CLIENT, client), (Side.LOG, log), (Side.LEDGER, ledger)):
        assert sum(row.counts_us[side] for row in found.rows) == sum(e.amount_us for e in heard)


def test_marks_that_come_again_or_in_any_order_say_the_same() -> None:
    marks = [Mark("s", "a", 9, 50), Mark("s", "a", 5, 20), Mark("s", "a", 7, 20)]
    assert [(one.time_us, one.amount_us) for one in from_marks(marks)] == [(5, 20), (9, 30)]


@pytest.mark.parametrize(
    "line", [b"", b"[]", b'{"stream":"s"}', b'{"stream":"s","tenant":"a","time":"x","until_us":1}']
)
def test_what_is_no_line_of_the_log_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidParameter, match="line 1 of a log"):
        read_marks([line])
