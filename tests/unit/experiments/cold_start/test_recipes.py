"""Which starts are compared, and how one's time is put together."""

import pytest

from lab_kit.core.call_record import StageSpan
from lab_kit.core.profile import VARIABLE
from lab_kit.experiments.cold_start import RECIPES, ColdStart, recipes


def test_a_short_run_leaves_out_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ci")
    assert recipes() == tuple(r for r in RECIPES if not r.takes_long)
    monkeypatch.setenv(VARIABLE, "full")
    assert recipes() == RECIPES


def test_ready_is_before_the_first_inference_and_the_answer_after_it() -> None:
    phases = (StageSpan("imports", 0.0, 2.0), StageSpan("first inference", 2.0, 2.5))
    start = ColdStart(RECIPES[0], phases, steady_s=0.1, device="cpu")
    assert (start.ready_s, start.answer_s, start.first_s) == (2.0, 2.5, 0.5)


def test_every_recipe_has_a_name_of_its_own() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
