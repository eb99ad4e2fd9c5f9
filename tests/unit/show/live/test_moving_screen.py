"""What moves on a page is the frame and the marks of the still picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from access_samples import USUAL
from billing_samples import KILLED
from billing_samples import PLAN as KILLING
from slo_samples import PLAN as BURNING
from slo_samples import WATCHED

from lab_kit.experiments.access import Plan
from lab_kit.show.access.drain_moving import drain_moving
from lab_kit.show.access.draining import drain_layers
from lab_kit.show.billing.kill_moving import kill_moving
from lab_kit.show.billing.killing import killing_layers
from lab_kit.show.draw import card
from lab_kit.show.live import moving_screen
from lab_kit.show.live.moving_screen import Moving, MovingScreen
from lab_kit.show.slo.burn_moving import burn_moving
from lab_kit.show.slo.burning import burn_layers

MOMENTS, WATCHES = KILLED["usual"].moments, WATCHED["usual"].moments
EACH: Sequence[tuple[Moving[Any], Sequence[Any], Sequence[Any]]] = (
    (drain_moving(Plan()), USUAL, drain_layers(Plan(), USUAL)),
    (kill_moving(KILLING), MOMENTS, killing_layers(KILLING, MOMENTS)),
    (burn_moving(BURNING), WATCHES, burn_layers(BURNING, WATCHES, [], WATCHES[-1].at_s)),
)


@pytest.fixture(params=EACH, ids=lambda one: one[0].title)
def shown(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[MovingScreen[Any], Moving[Any], Sequence[Any], Sequence[Any]]]:
    """A screen that is drawn when a test says so; words are drawn once."""
    monkeypatch.setattr(moving_screen, "draw_period_s", lambda: 60.0)
    monkeypatch.setattr(moving_screen, "TEXT_PERIOD_S", 3_600.0)
    screen = MovingScreen(request.param[0])
    yield screen, *request.param
    screen.stop()


def test_marks_are_those_of_all_that_was_heard(shown: Any) -> None:
    screen, _, heard, layers = shown
    screen.draw()
    for one in heard:
        screen.hear(one)
    screen.draw()
    assert screen.plot.figure["data"] == [layer.trace() for layer in layers]


@pytest.mark.parametrize("shown", EACH[1:], indirect=True, ids=lambda one: one[0].title)
def test_a_frame_is_drawn_anew_where_its_scales_have_changed(shown: Any) -> None:
    screen, moving, heard, _ = shown
    began = screen.plot.card
    screen.draw()
    assert screen.plot.card == began
    for one in heard:
        screen.hear(one)
    screen.draw()
    assert moving.ends(heard) != moving.ends([])
    assert screen.plot.card == card.render(moving.frame(heard), moving.verdict(heard))
