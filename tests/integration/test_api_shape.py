"""Lab 07's experiments against real servers: what each finds is what the server is made to do."""

import asyncio
import contextlib
from itertools import pairwise

import numpy as np
import pytest
from solutions import lab07 as solved

from lab_kit import datasets
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.bench import Bench, paced
from lab_kit.client import Webhooks, streaming
from lab_kit.core.errors import (
    ConnectionFailed,
    PayloadTooLarge,
    ServerFailed,
    WebhookNotFound,
)
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.experiments import api
from lab_kit.experiments.api.faults import FULL, LOST, UNFIT
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.protocol.sandbox import Fault
from lab_kit.protocol.webhooks import DeliveryState

CLIP = datasets.clip("speech-opening-hours")
SOUND = api.wav(CLIP)
QUICK = {"webhook_first_s": 0.0002}


@pytest.fixture
def told_bench() -> Bench:
    """A server that sends webhooks to this machine, and gives up in seconds."""
    return Bench.start(allowed_hosts=("127.0.0.1",), limits=QUICK)


@pytest.fixture
def small() -> Bench:
    """A server that is full with a few requests."""
    return Bench.start(limits=api.limits_for(SOUND))


def test_a_server_of_the_same_limits_is_the_same_and_of_others_another(small: Bench) -> None:
    assert Bench.start(limits=dict(reversed(api.limits_for(SOUND).items()))) is small
    assert Bench.start() is not small


def test_a_limit_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ServerFailed, match="no limit is named 'patience_s'"):
        Bench.start(limits={"patience_s": 1.0})


async def test_each_way_is_measured_and_what_is_not_is_marked(bench: Bench) -> None:
    silence = PacedRecording("long", np.zeros(601 * 16_000, np.float32))
    taken = await api.three_ways(bench, [paced(CLIP), silence])
    assert [one.way for one in taken] == [*api.Way, *api.Way]
    request, operation, stream, refused, silent, computed = taken
    for one in (request, operation, stream):
        assert one.first_words_s is not None
        assert one.all_text_s is not None
        assert one.first_words_s <= one.all_text_s
        assert one.grown_bytes is not None
    assert operation.connected_s is not None
    assert operation.connected_s <= operation.all_text_s  # type: ignore[operator]
    assert isinstance(refused.refusal, PayloadTooLarge)
    assert "POST /v1/transcriptions" in str(refused.refusal)
    assert silent.refusal is None
    assert (computed.is_measured, computed.grown_bytes) == (False, None)
    assert computed.all_text_s is not None
    assert computed.all_text_s > 600


async def test_after_a_cut_all_text_is_there_and_only_the_operation_sends_nothing_again(
    bench: Bench,
) -> None:
    request, operation, stream = await api.cut_each(bench, paced(CLIP), after_s=1.2)
    assert request.again_s == request.sent_s == pytest.approx(CLIP.duration_s, abs=0.01)
    assert operation.again_s == 0.0
    assert 0.0 < stream.again_s <= stream.sent_s == 1.2
    for one in (request, operation, stream):
        assert word_error_rate(CLIP.text, one.text) <= 0.2, one


async def test_without_a_key_it_is_computed_twice_and_with_one_once(bench: Bench) -> None:
    paid = await api.pay_each(bench, CLIP.pcm16, CLIP.duration_s)
    assert [round(one.times, 2) for one in paid] == [2, 1, 2, 1]
    assert [one.was_replayed for one in paid] == [False, True, False, True]
    assert [one.operations for one in paid] == [0, 0, 2, 1]


async def test_who_does_not_listen_sends_more_for_each_answer(small: Bench) -> None:
    plan = api.Surge(2.0, 200.0, before_s=0.5, surge_s=0.1, after_s=0.5)
    seen: list[api.Attempt] = []
    runs = [
        await api.storm(small, SOUND, plan, name, make, seen.append)
        for name, make in (("at once", lambda: api.Stubborn(0.0)), ("listening", api.Polite))
    ]
    at_once, listening = runs
    planned = len(plan.times_s())
    for run in runs:
        assert run.requests == planned
        assert 0 < run.answered <= planned
        assert run.wasted == len(run.attempts) - run.answered
        assert run.server_cpu_s > 0
    assert len(seen) == len(at_once.attempts) + len(listening.attempts)
    assert at_once.wasted > 0, "one request fills this server, and twenty came at once"
    assert at_once.attempts_per_answer > listening.attempts_per_answer
    for number in range(planned):
        sent_s = [one.at_s for one in listening.attempts if one.request == number]
        assert all(after_s - before_s >= 2.0 for before_s, after_s in pairwise(sent_s))


async def test_a_message_is_tried_eight_times_and_replayed_under_the_same_id(
    told_bench: Bench,
) -> None:
    told = await api.tell_who_is_down(told_bench, CLIP.pcm16)
    assert len(told.before_replay) == told.given_up.attempts == 8
    assert len(told.attempts) == 9
    assert {one.message for one in told.attempts} == {told.given_up.message}
    assert all(one.is_valid for one in told.attempts)
    assert told.at_last.state is DeliveryState.DELIVERED
    assert list(told.checks.values()) == [True, False, False, False, False]
    assert await Webhooks(told_bench.url).all() == (), "it leaves none behind"


async def test_webhooks_are_made_listed_changed_and_removed(told_bench: Bench) -> None:
    webhooks = Webhooks(told_bench.url)
    made = await webhooks.make("http://127.0.0.1:9/told")
    assert made.secret is not None
    assert [one.name for one in await webhooks.all()] == [made.name]
    changed = await webhooks.rotate_secret(made.name)
    assert changed.secret not in (None, made.secret)
    assert await webhooks.deliveries(made.name, DeliveryState.DEAD) == ()
    await webhooks.delete(made.name)
    with pytest.raises(WebhookNotFound):
        await webhooks.replay(made.name, "msg_1")


async def test_six_refusals_are_of_six_kinds(bench: Bench, small: Bench) -> None:
    refused = await api.six_refusals(bench, small, SOUND, datasets.clip("two-cities").pcm16)
    assert [(one.status, one.error.retryable) for one in refused.values()] == [
        (409, True),
        (400, False),
        (429, True),
        (413, False),
        (503, True),
        (504, True),
    ]
    assert refused["E"].retry_after == "2"
    assert refused["B"].retry_after is None
    shown = api.refusals_table(refused).text
    assert "retryable" not in shown


@pytest.mark.parametrize("fault", list(api.Fault))
async def test_each_fault_shows_in_its_own_request_and_nowhere_else(
    small: Bench, fault: api.Fault
) -> None:
    journal = await api.faulty_client(small, SOUND, CLIP.duration_s, fault)
    by_request = {
        name: [one for one in journal.entries if one.request == name]
        for name in (LOST, FULL, UNFIT)
    }
    assert (len({one.key for one in by_request[LOST]}) > 1) == (fault is api.Fault.NEW_KEY)
    first, *later = by_request[FULL]
    assert first.told_s == 2.0
    assert (later[0].at_s < 2.0) == (fault is api.Fault.HASTY)
    assert (len(by_request[UNFIT]) > 1) == (fault is api.Fault.HEADSTRONG)
    is_twice = journal.computed_s > journal.audio_s + 1
    assert is_twice == (fault is api.Fault.NEW_KEY)


async def test_the_solution_survives_three_faults(bench: Bench) -> None:
    survival = await api.survived(bench, CLIP, solved.survive)
    outcome = judge(EXERCISES["07.4"], solved.survive, survival)
    assert outcome.verdict is Verdict.PASS, outcome.reasons
    assert [one.status for one in survival.calls] == [429, 101, 101, 101]
    assert survival.calls[1].close_code == 1011


async def test_a_client_that_lets_an_error_out_is_told_what_it_met(bench: Bench) -> None:
    async def once(listen: api.Listen) -> str:
        return await listen()

    survival = await api.survived(bench, CLIP, once)
    assert survival.error is not None
    assert "QuotaExceeded: the server refused the stream for now" in survival.error
    assert len(survival.calls) == 1


async def test_a_client_that_catches_everything_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_kit.experiments.api.bad_line.OVER_S", 0.5)
    monkeypatch.setattr("lab_kit.experiments.api.bad_line._SETTLED_S", 0.2)

    is_over = False

    async def catches(listen: api.Listen) -> None:
        while not is_over:
            with contextlib.suppress(BaseException):
                await listen()

    survival = await api.survived(bench, CLIP, catches)
    is_over = True
    assert (survival.is_over, survival.is_stubborn) == (False, True)


async def test_two_calls_at_once_are_counted(bench: Bench) -> None:
    async def two(listen: api.Listen) -> object:
        return await asyncio.gather(listen(), listen(), return_exceptions=True)

    assert (await api.survived(bench, CLIP, two)).at_once == 2


async def test_a_client_without_an_end_is_broken_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_kit.experiments.api.bad_line.OVER_S", 0.5)

    async def waits(listen: api.Listen) -> str:
        while True:
            await asyncio.sleep(0.1)

    survival = await api.survived(bench, CLIP, waits)
    assert (survival.text, survival.error, survival.is_over) == (None, None, False)


async def test_a_stream_does_not_wait_for_ever_on_a_line_that_says_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "QUIET_S", 0.3)
    key = await bench.operator.make_sandbox_key(Fault(is_silent=True))
    with pytest.raises(ConnectionFailed, match=r"nothing came for 0\.3 s"):
        await bench.with_key(key.key).stream(CLIP)
    await bench.operator.remove_sandbox_key(key)
