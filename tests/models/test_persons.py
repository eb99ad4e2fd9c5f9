"""The model that tells persons: what it finds, what it keeps, and what it brings along."""

import json
import subprocess
import sys

import pytest
from hang import HANG_S

from lab_kit.core.errors import NotInstalled
from lab_kit.datasets.personal_data import Sentence, names_from_elsewhere, sentences
from lab_kit.measure.leaks import Figures, Judged, figures_by_kind, overall
from lab_kit.models import persons as persons_module
from lab_kit.models.persons import Persons, installed_version
from lab_kit.privacy.scanner import scan

needs_it = pytest.mark.skipif(installed_version() is None, reason="the extra pii is not installed")
LOADED = """
import json, sys
from lab_kit.models.persons import Persons
found = Persons()("Hiroshi Tanaka opened the door.")
print(json.dumps([found, "torch" in sys.modules]))
"""


@pytest.fixture(scope="module")
def persons() -> Persons:
    return Persons()


def figures(said: tuple[Sentence, ...], persons: Persons | None = None) -> Figures:
    return overall(
        figures_by_kind(
            Judged(
                one.text,
                one.spans,
                scan(one.text, named=persons(one.text) if persons else ()).findings,
            )
            for one in said
        )
    )


@needs_it
def test_it_says_where_the_names_are(persons: Persons) -> None:
    text = "I have already explained all of this to Oluwaseun Adeyemi in your office."
    assert [text[start:end] for start, end in persons(text)] == ["Oluwaseun Adeyemi"]
    assert persons("") == persons("The weather was cold.") == []
    assert persons.name.endswith(installed_version() or "")


@needs_it
def test_nothing_of_what_it_read_stays(persons: Persons) -> None:
    persons("It was Zzyzxandra Qworvenhaal who opened the door.")
    kept = persons._model.vocab.strings
    assert "Zzyzxandra" not in kept
    assert "door" in kept, "which is a word of the model's own"


@needs_it
def test_it_brings_no_other_runtime_into_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=HANG_S, check=True
    )
    found, has_torch = json.loads(done.stdout)
    assert found == [[0, 14]]
    assert not has_torch


@needs_it
def test_of_what_is_said_hardly_anything_else_is_taken_out(persons: Persons) -> None:
    """At the last change: recall 0.99, precision 0.99, leak rate 0.002."""
    held_out = sentences(is_held_out=True)
    total, without = figures(held_out, persons), figures(held_out)
    assert total.leaked_chars <= without.leaked_chars
    assert (total.precision or 0) > 0.95


@needs_it
def test_names_from_elsewhere_are_found_five_times_as_often(persons: Persons) -> None:
    """At the last change: recall 0.70 for 0.14, leak rate 0.27 for 0.84, precision 0.89."""
    said = names_from_elsewhere()
    total, without = figures(said, persons), figures(said)
    assert total.spans == 43
    assert (without.recall or 0) < 0.2
    assert (total.recall or 0) > 0.6
    assert (total.leak_rate or 0) < 0.35
    assert (total.precision or 0) > 0.8


def test_who_has_it_not_is_told_which_extra_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons_module, "PACKAGE", "no_such_model")
    assert installed_version() is None
    with pytest.raises(NotInstalled) as caught:
        Persons()
    assert "pii" in str(caught.value)
