"""The shadow: asked what production was asked, compared, and never felt."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hang import HANG_S
from scripted_engine import MODEL as NAME
from scripted_engine import ScriptedEngine, heard, recognizer, repository_at, wait_until

from lab_kit.core.errors import VersionNotFound
from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.shadow import KEPT_PAIRS, MOST_WAITING
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Label
from lab_kit.protocol.versions import ShadowReport, VersionState

LOUD = np.ones(16_000, np.float32)


class Pair:
    """Production on version 1 and its shadow on version 2."""

    def __init__(self, root: Path) -> None:
        self.engines = {1: ScriptedEngine("it was the best"), 2: ScriptedEngine("It was the best.")}
        self.metrics = Metrics()
        self.versions = Versions(
            repository_at(root, versions=2),
            NAME,
            lambda files: recognizer(self.engines[files.version.number]),
            self.metrics,
        )
        self.versions.begin(lambda: None)
        wait_until(lambda: self.versions.is_ready)
        self.versions.loader.load(2).result(HANG_S)
        self.versions.routing.set_label(Label.SHADOW, 2)

    @property
    def shadow(self) -> ScriptedEngine:
        return self.engines[2]

    def ask(self, priority: Priority = Priority.FINAL, **asked: Any) -> str:
        with self.versions.lease() as lease:
            ticket = lease.engine.submit(DecodeRequest(LOUD, priority, **asked))
            return ticket.future.result(HANG_S).text

    def report(self) -> ShadowReport:
        return self.versions.routing.shadow_report()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.versions.stop()


def test_the_same_words_are_the_same_answer(pair: Pair) -> None:
    assert pair.ask() == "it was the best"
    report = pair.report()
    assert (report.version, report.same, report.different, report.pairs) == (2, 1, 0, ())
    assert report.word_error_rate == 0.0


def test_what_differs_is_kept_and_production_is_what_callers_get(pair: Pair) -> None:
    pair.shadow.answer = "it was"
    assert pair.ask() == "it was the best"
    pair.shadow.answer = "it was the best"
    pair.ask()
    report = pair.report()
    assert (report.same, report.different) == (1, 1)
    assert report.word_error_rate == pytest.approx(0.25)
    (kept,) = report.pairs
    assert (kept.production, kept.shadow, kept.audio_s) == ("it was the best", "it was", 1.0)
    assert kept.word_error_rate == pytest.approx(0.5)
    assert 'lab_shadow_comparisons_total{outcome="different"} 1.0' in exposed(pair)


def test_users_words_are_in_no_metric(pair: Pair) -> None:
    pair.shadow.answer = "something secret"
    pair.ask()
    assert "secret" not in exposed(pair)


def test_the_shadow_hears_the_same_audio_last_and_without_anothers_draft(pair: Pair) -> None:
    pair.ask(Priority.FINAL, draft=(5, 6))
    (asked,) = pair.shadow.requests
    assert asked.audio is pair.engines[1].requests[0].audio
    assert (asked.priority_class, asked.draft) == (PriorityClass.BATCH, ())


def test_interims_are_not_repeated(pair: Pair) -> None:
    pair.ask(Priority.INTERIM)
    assert pair.shadow.requests == []


def test_a_shadow_that_hangs_costs_nobody_a_wait_and_is_skipped(pair: Pair) -> None:
    pair.shadow.answer = None
    for _ in range(MOST_WAITING + 3):
        assert pair.ask() == "it was the best"
    assert len(pair.shadow.requests) == MOST_WAITING
    assert pair.report().skipped == 3
    for ticket in pair.shadow.tickets:
        ticket.future.set_result(heard("it was the best"))
    assert pair.report().same == MOST_WAITING
    pair.shadow.answer = "it was the best"
    pair.ask()
    assert pair.report().same == MOST_WAITING + 1


def test_a_shadow_that_fails_or_is_full_is_counted(pair: Pair) -> None:
    pair.shadow.answer = RuntimeError("device lost")
    assert pair.ask() == "it was the best"
    pair.shadow.is_full = True
    assert pair.ask() == "it was the best"
    report = pair.report()
    assert (report.failed, report.skipped, report.word_error_rate) == (1, 1, None)


def test_what_production_could_not_answer_or_nobody_waits_for_is_not_compared(pair: Pair) -> None:
    pair.engines[1].answer = RuntimeError("device lost")
    with pytest.raises(RuntimeError):
        pair.ask()
    pair.engines[1].answer = None
    with pair.versions.lease() as lease:
        future: Future[Hypothesis] = lease.engine.submit(DecodeRequest(LOUD, Priority.FINAL)).future
        future.cancel()
    assert pair.shadow.requests == []


def test_silence_that_the_shadow_fills_with_words_differs_but_has_no_rate(pair: Pair) -> None:
    pair.engines[1].answer = ""
    pair.shadow.answer = "thank you"
    pair.ask()
    report = pair.report()
    assert (report.different, report.word_error_rate) == (1, None)
    assert report.pairs[0].word_error_rate is None


def test_private_words_are_compared_and_not_kept(pair: Pair) -> None:
    pair.shadow.answer = "it was"
    pair.ask(is_private=True)
    report = pair.report()
    assert (report.different, report.pairs) == (1, ())
    assert report.word_error_rate == pytest.approx(0.5)


def test_only_the_last_pairs_are_kept(pair: Pair) -> None:
    for n in range(KEPT_PAIRS + 2):
        pair.shadow.answer = f"answer {n}"
        pair.ask()
    kept = pair.report().pairs
    assert [p.shadow for p in kept] == [f"answer {n}" for n in range(2, KEPT_PAIRS + 2)]


def test_the_canary_is_not_shadowed_nor_a_version_by_itself(pair: Pair) -> None:
    pair.versions.routing.set_label(Label.CANARY, 2, 1.0)
    pair.ask()
    assert len(pair.shadow.requests) == 1, "the canary's own decode only"
    pair.versions.routing.remove_label(Label.CANARY)
    pair.versions.routing.set_label(Label.PRODUCTION, 2)
    pair.ask()
    assert len(pair.shadow.requests) == 2
    assert pair.report().same + pair.report().different == 0


def test_a_shadow_keeps_its_version_until_its_last_decode(pair: Pair) -> None:
    pair.shadow.answer = None
    pair.ask()
    pair.versions.routing.remove_label(Label.SHADOW)
    with pytest.raises(VersionNotFound, match="shadow"):
        pair.report()
    pair.versions.unload(2)
    assert pair.versions.statuses()[1].state is VersionState.DRAINING
    pair.shadow.tickets[0].future.set_result(heard("late"))
    wait_until(lambda: pair.versions.statuses()[1].state is VersionState.UNLOADED)


def test_a_new_shadow_starts_from_nothing(pair: Pair) -> None:
    pair.ask()
    pair.versions.routing.remove_label(Label.SHADOW)
    pair.ask()
    pair.versions.routing.set_label(Label.SHADOW, 2)
    assert pair.report().same == 0


def exposed(pair: Pair) -> str:
    return pair.metrics.exposition()[0].decode()
