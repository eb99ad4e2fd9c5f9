"""Lab 10's experiments with a real server: what they return is what happened."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from hang import HANG_S
from server_process import at_full_service

from lab_kit import client
from lab_kit.bench import Bench
from lab_kit.client import NativeWire, Wire
from lab_kit.core.errors import ConnectionFailed, InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.datasets.personal_data import sentences
from lab_kit.experiments import access
from lab_kit.experiments.access import Opens, Way
from lab_kit.measure.accuracy import word_errors
from lab_kit.protocol.api_keys import NewKey

from solutions import lab10 as solved  # isort: skip


@pytest.fixture(scope="module")
def guarded() -> Iterator[Bench]:
    """A server of this file alone, with everything on."""
    bench = at_full_service(Bench.start("lab-10", mutual_tls=True, audit=True))
    yield bench
    bench.stop()


async def test_what_each_found_thing_opens_is_what_the_solution_says(guarded: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        tried = await access.tried_loot(guarded)
    assert judge(EXERCISES["10.1"], solved.mine, tried).verdict is Verdict.PASS
    assert "a certificate, and no certificate" in tried[5].said
    assert "has expired" in tried[2].said
    assert "signature" in tried[8].said
    assert "signature" in tried[9].said
    assert tried[10].refusals[Way.WEBSOCKET] == ""
    assert "opened with before" in tried[10].refusals[Way.GRPC], "its first try was its last"
    assert len(tried.table.rows) == 12


async def test_loot_that_is_tried_twice_is_used_up(guarded: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        loot = await access.loot(guarded)
        first, second = [await access.attempt(guarded, loot[10]) for _ in range(2)]
    assert (first.opens, second.opens) == (Opens.STREAMS, Opens.NOTHING)
    assert all(one.credential not in loot.table.text for n, one in loot.items() if n != 11)
    assert "at+jwt" in access.claims_table(loot[5].credential).text
    assert "cnf" in access.claims_table(loot[5].credential).text
    with pytest.raises(InvalidParameter, match="no JWT"):
        access.claims_table(loot[1].credential)


async def test_a_server_that_is_gone_is_no_refusal() -> None:
    gone = Bench.start("lab-10", limits={"streams": 9})
    gone.stop()
    with pytest.raises(ConnectionFailed):
        await access.attempt(gone, "sk_live_any")


async def test_a_key_is_tried_as_what_was_found_is(guarded: Bench) -> None:
    made = await guarded.operator.make_key(NewKey("acme", scope=("recordings",)))
    tried = await access.attempt(guarded, made.key)
    assert tried.opens is Opens.RECORDINGS
    assert "streams with" in tried.said


async def test_streams_end_with_their_keys_and_say_why(guarded: Bench) -> None:
    wires = (Wire.WEBSOCKET, Wire.GRPC, NativeWire.WEBSOCKET)
    async with asyncio.timeout(HANG_S):
        found = await access.revocations(guarded, each=2, wires=wires)
    assert [one.wire for one in found] == [wire.value for wire in wires for _ in range(2)]
    assert all("revoked" in one.told for one in found)
    assert all(0 < one.took_s < HANG_S for one in found)


async def test_as_many_requests_cost_what_their_sound_costs(guarded: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        short, long = await access.flood(guarded, 2, {"brief": 1.0, "lengthy": 20.0})
        again, _ = await access.flood(guarded, 1, {"brief": 1.0, "lengthy": 1.0})
    assert (short.requests, long.requests) == (2, 2)
    assert 0 < short.compute_s < long.compute_s
    assert again.compute_s < short.compute_s + long.compute_s, "of this flood alone"
    assert not long.is_costly, "two requests say nothing"
    with pytest.raises(ValueError, match="without a request"):
        await access.flood(guarded, 0)


async def test_a_budget_drains_refuses_and_lets_in_who_waited(guarded: Bench) -> None:
    heard: list[access.Ask] = []
    async with asyncio.timeout(HANG_S):
        run = await access.drain(guarded, access.Plan(ignored=1, patient=2), heard.append)
    assert tuple(heard) == run.asks
    assert all(again.is_admitted for refused, again in run.waits if run.is_whole(refused))
    assert run.waits
    assert run.asks[0].before_s == pytest.approx(0.6)
    admitted = [one for one in run.asks if one.is_admitted]
    assert all(one.reserved_s > 0 for one in admitted)
    assert all(one.cost_s == 0 for one in admitted if one.is_silence), "nobody spoke"
    assert any(one.cost_s > 0 for one in admitted if not one.is_silence)
    refused = [one for one in run.asks if not one.is_admitted]
    assert all(one.wait_s and one.cost_s == one.reserved_s == 0 for one in refused)


async def test_no_tenant_takes_every_place_once_others_are_there() -> None:
    small = Bench.start("lab-10", limits={"streams": 8})
    try:
        async with asyncio.timeout(HANG_S):
            placed = await access.fair_places(small)
    finally:
        small.stop()
    assert all(one.streams >= 1 for one in placed)
    assert max(one.streams for one in placed) < 8
    assert all("SYSTEM_OVERLOADED" in one.refusal for one in placed)
    assert len(access.places_table(placed).rows) == 3


async def test_a_sentence_loses_what_is_personal_in_text_and_sound(guarded: Bench) -> None:
    sentence = "This is Laura Bennett. Please send me the invoice tomorrow."
    async with asyncio.timeout(HANG_S):
        found = await access.said(guarded, sentence)
    assert "Laura" in found.text
    assert "Laura" not in found.redacted_text
    assert "[name]" in found.redacted_text
    assert len(found.sound) == len(found.redacted_sound)
    (gone,) = found.redactions
    first, end = (round(s * SAMPLE_RATE_HZ) for s in (gone.start_s, gone.end_s))
    assert not np.any(found.redacted_sound[first:end])
    assert np.any(found.sound[first:end])
    assert {one.word.text for one in found.told} >= {"Please", "invoice"}
    assert len(found.later_s) >= 5


async def test_what_is_kept_as_heard_is_about_what_is_heard_again(guarded: Bench) -> None:
    chosen = sentences(is_held_out=True)[:6]
    async with asyncio.timeout(HANG_S):
        texts = await access.recognized_again(guarded, chosen)
    errors = [
        word_errors(kept, text)
        for kept, text in zip(access.heard_before().texts, texts, strict=False)
    ]
    assert sum(one.errors for one in errors) <= 0.2 * sum(one.words for one in errors)


async def test_everything_on_and_off_are_measured_by_turns(guarded: Bench) -> None:
    plain = at_full_service(Bench.start(limits={"streams": 64}))
    try:
        async with asyncio.timeout(HANG_S):
            found = await access.what_it_costs(guarded, plain.address, times=1)
    finally:
        plain.stop()
    assert {name: len(delays) for name, delays in found.items()} == {
        "everything off": 1,
        "everything on": 1,
    }
    table = access.costs_table(found)
    assert "of the 300" in table.text
    assert "indicative" in table.text


async def test_what_a_bench_shows_of_tls_is_a_certificate_of_the_labs_own(guarded: Bench) -> None:
    made = await guarded.operator.make_key(NewKey("acme"))
    tls = guarded.shown_certificate("client.example")
    token = await client.access_token(guarded.tls_url, made.key, tls=tls)
    assert "x5t#S256" in access.claims_table(token.access_token).text
    plain = await client.access_token(guarded.url, made.key)
    assert "x5t#S256" not in access.claims_table(plain.access_token).text
    guarded.tls_url, before = "", guarded.tls_url
    try:
        with pytest.raises(ValueError, match="mutual_tls"):
            await access.loot(guarded)
    finally:
        guarded.tls_url = before
