"""A meter's events add up to how far the work has got, whatever of them could be written."""

from hypothesis import given
from hypothesis import strategies as st

from lab_kit.metering.event import Quantities, Used
from lab_kit.metering.meter import Meter, Reached

USED = Used("r", "s", "stream", "acme", "", "m", 1, "")
REACHED = st.builds(
    Reached,
    *[st.integers(0, 10**9)] * 6,
)
STEPS = st.lists(st.tuples(REACHED, st.booleans()), max_size=30)


def meter() -> Meter:
    return Meter("lab_kit/a", USED)


@given(STEPS)
def test_events_add_up_to_what_was_reached_however_often_writing_fails(
    steps: list[tuple[Reached, bool]],
) -> None:
    of, written = meter(), []
    for reached, is_written in [*steps, (Reached(), True)]:
        of.reach(reached)
        event = of.event(0)
        if is_written:
            of.wrote()
            written.append(event)
    total = sum((one.amount for one in written), Quantities())
    most = [max((getattr(r, name) for r, _ in steps), default=0) for name in ("told_us", "tokens")]
    assert [total.billed_us, total.tokens] == most
    assert total == of.reached == of.written
    assert len({one.id for one in written}) == len(written)
    assert all(min(vars_of(one.amount)) >= 0 for one in written)


def vars_of(amount: Quantities) -> list[int]:
    return [getattr(amount, name) for name in Quantities.__slots__]


def test_sound_that_was_told_about_has_come() -> None:
    of = meter()
    of.reach(Reached(told_us=5))
    assert of.event(0).amount == Quantities(submitted_us=5, billed_us=5)


def test_the_last_event_says_how_it_ended() -> None:
    of = meter()
    of.reach(Reached(told_us=5))
    assert (of.event(0).code, of.event(0).is_last) == ("", False)
    assert (of.event(0, "1000").code, of.event(0, "1000").is_last) == ("1000", True)
