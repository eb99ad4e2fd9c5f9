"""Lab 09's experiments with a real server: what they return is what happened."""

import asyncio
import sys
from collections.abc import Iterator

import httpx
import pytest
from hang import HANG_S
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import InvalidContract, VersionNotFound
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.experiments import contracts
from lab_kit.experiments.contracts.sdk import generated_client
from lab_kit.protocol.deprecations import TRANSCRIBE_V1
from lab_kit.protocol.versions import VersionState

from solutions import lab09 as solved  # isort: skip

PHRASE = datasets.clip("two-cities-best")


@pytest.fixture(scope="module")
def own_bench() -> Iterator[Bench]:
    """A server of this file alone: its labels and its routes are changed."""
    bench = at_full_service(Bench.start("lab-09"))
    yield bench
    bench.stop()


async def test_what_floats_follows_production_and_a_pin_does_not(own_bench: Bench) -> None:
    new = own_bench.publish(tokens_per_audio_s=1.0)
    async with asyncio.timeout(HANG_S):
        named = await contracts.promoted(own_bench, new, PHRASE)
        floating, pinned, label = named
        assert (floating.before.version, floating.after.version) == ("1", str(new))
        assert (pinned.before, pinned.after.version) == (pinned.after, "1")
        assert (label.before.version, label.after.version) == ("1", str(new))
        assert label.after.text != label.before.text, "the new one writes next to nothing"
        versions = await own_bench.operator.versions()
    assert [one.number for one in versions if "production" in one.labels] == [1]
    assert versions[0].state is VersionState.READY
    with pytest.raises(VersionNotFound):
        await contracts.promoted(own_bench, 99, PHRASE)
    assert "2 of 3 names" in contracts.names_table(named).text


async def test_both_answers_say_the_same_and_the_old_one_tells_its_end(own_bench: Bench) -> None:
    plain = await contracts.both_answers(own_bench, PHRASE)
    assert plain.old.headers == plain.new.headers == {"x-model-version": "1"}
    both = await contracts.both_answers(own_bench, PHRASE, contracts.half_a_year())
    assert set(both.old.headers) == {"x-model-version", "deprecation", "sunset", "link"}
    assert both.old.body["text"] == both.new.body["text"]
    outcome = judge(EXERCISES["09.2"], solved.guide(both), both)
    assert outcome.verdict is Verdict.PASS, outcome.reasons
    assert (await own_bench.operator.deprecation(TRANSCRIBE_V1)).plan is None
    assert len(contracts.fields_table(both).rows) > 20


async def test_the_twelve_are_changes_of_what_is_served(own_bench: Bench) -> None:
    served = await contracts.served_contract(own_bench)
    twelve = contracts.twelve_proposals(served)
    assert judge(EXERCISES["09.1"], solved.mine, twelve).verdict is Verdict.PASS
    assert contracts.compared(served.openapi, served.openapi) == ()
    with pytest.raises(InvalidContract, match="OpenAPI"):
        contracts.compared(served.openapi, served.asyncapi)


async def test_a_generated_client_does_the_tasks_and_ours_with_less(own_bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        found = await contracts.both_sdks(own_bench, PHRASE)
    of = {(one.task, one.client): one for one in found.runs}
    assert len(of) == 6
    assert all(one.errors <= 1 for one in found.runs)
    spoken_s = PHRASE.duration_s
    assert of["live", "generated"].first_s > spoken_s, "all of a stream is one answer to it"
    assert of["live", "written by hand"].first_s < spoken_s
    for client in ("generated", "written by hand"):
        assert of["transcript", client].calls == 1
        assert of["patient", client].calls == 3
    assert of["live", "generated"].calls > 10
    for task in ("transcript", "live", "patient"):
        assert of[task, "written by hand"].lines < of[task, "generated"].lines
    assert found.nonsense == {"generated": "RuntimeError", "written by hand": "InvalidAudioFormat"}
    assert found.kinds["written by hand"] == "RequestCall"
    assert found.generated.lines > 1_000
    assert "speech_client" not in sys.modules
    assert "sleep" in contracts.code_of("patient", "generated")
    assert "Retries" in contracts.code_of("patient", "written by hand")


def test_what_is_no_document_is_told_as_such() -> None:
    with pytest.raises(InvalidContract), generated_client({"openapi": "3.1.0"}):
        pass


async def test_the_first_call_is_the_first_that_brought_something(own_bench: Bench) -> None:
    first = await contracts.FirstCall.prepared(own_bench)
    assert (await first.so_far()).waited_s is None
    async with httpx.AsyncClient(base_url=own_bench.url, trust_env=False) as asking:
        headers = {"authorization": f"Token {first.key.key}"}
        await asking.post("/v1/audio:transcribe", content=b"too early", headers=headers)
        first.start()
        assert (await first.so_far()).calls == ()
        await asking.get("/v1/models", headers=headers)
        refused = await asking.post("/v1/audio:transcribe", content=b"no sound", headers=headers)
        assert refused.status_code == 400
        so_far = await first.so_far()
        assert so_far.first_s is None
        assert [one.status for one in so_far.calls] == [200, 400]
        wav = PHRASE.path.read_bytes()
        for _ in range(2):
            answer = await asking.post("/v1/audio:transcribe", content=wav, headers=headers)
            assert answer.status_code == 200
    found = await first.so_far()
    assert len(found.calls) == 4
    assert found.first_s is not None
    assert found.waited_s is not None
    assert 0 < found.first_s == found.calls[2].at_s < found.waited_s
    assert [one.status for one in found.before] == [400]


async def test_each_route_is_asked_as_often(own_bench: Bench) -> None:
    delays = await contracts.route_delays(own_bench, PHRASE, times=3)
    assert {path: len(found) for path, found in delays.items()} == {
        "/v1/audio:transcribe": 3,
        "/v2/audio:transcribe": 3,
    }
    assert "of the 300" in contracts.delays_table(delays).text
