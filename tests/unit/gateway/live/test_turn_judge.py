"""Who judges turns: one at a time, for as many as can wait, and nobody where it cannot."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import cast

import numpy as np
import pytest
from hang import HANG_S

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import ModelStoreError
from lab_kit.gateway.live.turn_judge import MOST_WAITING, TurnJudge
from lab_kit.models.smart_turn import SmartTurn

SOUND = np.zeros(16_000, np.float32)


class HeldNetwork:
    """Stands for the network: answers 0.8 when the test lets it."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()

    def completeness(self, audio: FloatArray) -> float:
        assert self.may_answer.wait(HANG_S)
        return 0.8


Making = Callable[..., TurnJudge]


@pytest.fixture
def judging() -> Iterator[Making]:
    made: list[TurnJudge] = []

    def make(network: HeldNetwork, gives_way: Callable[[], bool] = lambda: False) -> TurnJudge:
        judge = TurnJudge(lambda: cast(SmartTurn, network), gives_way)
        made.append(judge)
        return judge

    yield make
    for judge in made:
        judge.stop()


def loaded(judge: TurnJudge) -> "Future[float]":
    """The first answer."""
    pause = threading.Event()
    for _ in range(1_000):
        if answer := judge("ann", SOUND):
            return answer
        pause.wait(HANG_S / 1_000)
    raise AssertionError("it was never loaded")


def test_it_is_loaded_when_first_asked_and_answers_from_then_on() -> None:
    may_load = threading.Event()

    def load() -> SmartTurn:
        assert may_load.wait(HANG_S)
        return cast(SmartTurn, HeldNetwork())

    judge = TurnJudge(load)
    assert [judge("ann", SOUND) for _ in range(3)] == [None] * 3
    may_load.set()
    assert loaded(judge).result(HANG_S) == 0.8
    judge.stop()


def test_no_more_wait_than_can_be_answered_in_time(judging: Making) -> None:
    network = HeldNetwork()
    judge = judging(network)
    loaded(judge).result(HANG_S)
    network.may_answer.clear()
    waiting = [judge("ann", SOUND) for _ in range(MOST_WAITING + 3)]
    assert [answer is None for answer in waiting] == [False] * MOST_WAITING + [True] * 3
    network.may_answer.set()
    assert [answer.result(HANG_S) for answer in waiting if answer] == [0.8] * MOST_WAITING
    assert (answer := judge("ann", SOUND)) is not None
    assert answer.result(HANG_S) == 0.8


def test_who_has_all_places_gives_one_up_for_somebody_else(judging: Making) -> None:
    network = HeldNetwork()
    judge = judging(network)
    loaded(judge).result(HANG_S)
    network.may_answer.clear()
    of_ann = [judge("ann", SOUND) for _ in range(MOST_WAITING)]
    of_ben = [judge("ben", SOUND) for _ in range(MOST_WAITING)]
    assert [bool(answer) for answer in of_ben] == [True, True, False, False]
    assert [answer.cancelled() for answer in of_ann if answer] == [False, False, True, True]
    of_cid = judge("cid", SOUND)
    assert of_cid is not None
    network.may_answer.set()
    assert of_cid.result(HANG_S) == 0.8
    kept = [answer for answer in (*of_ann, *of_ben) if answer and not answer.cancelled()]
    assert [answer.result(HANG_S) for answer in kept] == [0.8] * (MOST_WAITING - 1)
    assert judge("ann", SOUND) is not None


def test_a_server_without_time_judges_nothing(judging: Making) -> None:
    is_busy = False
    judge = judging(HeldNetwork(), lambda: is_busy)
    loaded(judge).result(HANG_S)
    is_busy = True
    assert judge("ann", SOUND) is None


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ModelStoreError("no smart-turn", "its files", "run: lab models pull smart-turn"), "pull"),
        (RuntimeError("no such operator"), "RuntimeError: no such operator"),
    ],
)
def test_without_its_network_the_log_says_why_and_silence_decides(
    caplog: pytest.LogCaptureFixture, failure: Exception, told: str
) -> None:
    is_asked = threading.Event()

    def missing() -> SmartTurn:
        is_asked.set()
        raise failure

    judge = TurnJudge(missing)
    with caplog.at_level(logging.ERROR):
        assert judge("ann", SOUND) is None
        assert is_asked.wait(HANG_S)
        assert judge("ann", SOUND) is None
        judge.stop()
        judge._thread.shutdown(wait=True)
    assert "left to silence: " in caplog.text
    assert told in caplog.text
