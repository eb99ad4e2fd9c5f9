"""Lab 11's experiments with a real server: what they return is what happened."""

import asyncio
from collections.abc import Iterator

import pytest
from hang import HANG_S
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import PolicyDenied
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.experiments import proof
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

from solutions import lab11 as solved  # isort: skip

PHRASE = datasets.clip("two-cities-best")


@pytest.fixture(scope="module")
def own_bench() -> Iterator[Bench]:
    """A server of this file alone: it keeps state and an audit log, and knows its region."""
    made = Bench.start("lab-11", audit=True, state=True, regions=("eu-west:eu", "us-east:us"))
    bench = at_full_service(made)
    yield bench
    bench.stop()


async def test_a_sealed_transcription_is_in_no_file_and_a_debugging_line_is(
    own_bench: Bench,
) -> None:
    async with asyncio.timeout(HANG_S):
        kept = await proof.planted_transcription(own_bench)
        line = await proof.planted_line(own_bench)
    proof.remove_planted_line(own_bench)
    assert "walrus" in kept.told
    assert kept.found == ()
    assert {one.owner.rsplit("/", 1)[-1] for one in line.found} == {"debug.log"}
    assert not (own_bench.state_folder / "debug.log").exists()
    table = proof.planted_table([kept, line])
    assert "no file" in table.text
    assert "debug.log" in table.text


async def test_a_copy_is_sealed_once_the_key_is_destroyed_but_for_a_copied_key(
    own_bench: Bench,
) -> None:
    operator = own_bench.operator
    await operator.set_tenant("acme", TenantSettings(retention_s=3_600))
    key = (await operator.make_key(NewKey("acme"))).key
    said = await proof.keep(own_bench, key, "customer-7", PHRASE)
    kept = await operator.kept_of("acme", "customer-7")
    copy = proof.copied(own_bench)
    before = proof.openings(own_bench, copy, "customer-7")
    assert [one.told for one in before] == ["", said, said]
    await operator.set_tenant("acme", TenantSettings(legal_hold=True))
    held = await operator.erase("acme", "customer-7")
    assert not held.is_key_destroyed
    assert "1 in transcriptions" in proof.erased_table(held).text
    await operator.set_tenant("acme", TenantSettings())
    assert (await operator.erase("acme", "customer-7")).is_key_destroyed
    after = proof.openings(own_bench, copy, "customer-7")
    assert [one.told for one in after] == ["", "", said]
    assert proof.readable(after) == 1
    assert "the key is gone" in proof.openings_table(("after", after)).text
    assert "2 things of customer-7" in proof.kept_table(kept).text


async def test_what_was_kept_for_a_moment_is_gone_and_the_log_says_why(own_bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        told = await proof.expired(own_bench, "short", "customer-8", PHRASE, tier_s=1.0)
    rows = dict(told.rows)
    assert rows["the tier, once it was kept"] == "1.0 s"
    assert rows["the log says"].endswith(": kept long enough")
    assert (await own_bench.operator.kept_of("short", "customer-8")).items == ()


async def test_a_log_is_taken_forged_and_caught(own_bench: Bench) -> None:
    await proof.taken(own_bench)
    for _ in range(4):
        await own_bench.operator.batching()
    log, saved = await proof.taken(own_bench)
    assert proof.caught(log, saved).first == proof.NOTHING
    forged = {name: forge(log, own_bench) for name, forge in proof.FORGERIES.items()}
    firsts = [proof.caught(one, saved).first for one in forged.values()]
    assert firsts == [proof.CHAIN, *[proof.FOLDER] * 3, *[proof.SAVED] * 2]
    outcome = judge(EXERCISES["11.1"], solved.forged(log), (log, saved))
    assert outcome.verdict is Verdict.PASS, outcome.reasons
    signed = proof.size_of(saved)
    path = proof.path_of(log.lines[:signed], 5)
    told = await own_bench.operator.audit_inclusion(5, signed)
    assert [one.hash.hex() for one in path.given] == list(told.hashes)


async def test_an_auditors_questions_are_answered_from_the_servers_own_log(
    own_bench: Bench,
) -> None:
    async with asyncio.timeout(HANG_S):
        case = await proof.audit(own_bench, PHRASE)
    answers = solved.answers(case)
    assert answers["rules"] == {"retention-needs-the-tenants-consent"}
    assert answers["erased"][1] == "operator"
    assert len(answers["streams"]) == 1
    outcome = judge(EXERCISES["11.3"], answers, case)
    assert outcome.verdict is Verdict.PASS, outcome.reasons


async def test_the_rules_at_the_door_refuse_what_stays(own_bench: Bench) -> None:
    agreed = TenantSettings(
        home_region="eu-west", allowed_regions=("eu-west",), consents=("recognition",)
    )
    await own_bench.operator.set_tenant("berlin", agreed)
    key = (await own_bench.operator.make_key(NewKey("berlin"))).key
    assert (await own_bench.with_key(key).transcribe(PHRASE)).text
    with pytest.raises(PolicyDenied, match="retention-needs-the-tenants-consent"):
        await proof.keep(own_bench, key, "customer-9", PHRASE)


async def test_both_servers_are_called_as_often(own_bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        found = await proof.what_it_costs(own_bench, own_bench.address, times=1)
    assert {name: len(delays) for name, delays in found.items()} == {
        "neither": 1,
        "audit log and rules": 1,
    }
    assert "of the 300" in proof.costs_table(found).text
