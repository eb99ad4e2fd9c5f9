"""Which seconds a live picture shows."""

import pytest

from lab_kit.show.live.window import shown_s


@pytest.mark.parametrize(
    ("reached_s", "shown"),
    [(0, (0, 20)), (20, (0, 20)), (20.1, (10, 30)), (30, (10, 30)), (30.1, (20, 40))],
)
def test_a_window_jumps_by_half_when_it_is_full(
    reached_s: float, shown: tuple[float, float]
) -> None:
    assert shown_s(reached_s, None) == shown
    assert shown_s(reached_s, 600.0) == shown, "too long to be shown as a whole"


def test_a_planned_end_is_on_the_axis_from_the_beginning() -> None:
    assert {shown_s(reached_s, 30.0) for reached_s in (0, 15, 30, 32)} == {(0, 32)}
    assert shown_s(33, 30.0) == (0, 42), "it took longer"
