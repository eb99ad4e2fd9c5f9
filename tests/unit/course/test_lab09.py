"""Lab 09's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from solutions import lab09 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.contracts import (
    Answered,
    BothAnswers,
    Contract,
    Proposals,
    compared,
    leaves,
    twelve_proposals,
)
from lab_kit.protocol.contract.change import Verdict as Change
from lab_kit.protocol.proto_text import proto_text
from lab_kit.protocol.recordings import Segment, Stages, Transcript, Word
from lab_kit.protocol.recordings_v2 import RecordingTranscript

from pydantic import TypeAdapter  # isort: skip

CONTRACT = Path(__file__).parents[3] / "docs/contract"


def published() -> Contract:
    openapi, asyncapi = (
        json.loads((CONTRACT / f"{name}.json").read_text("utf-8"))
        for name in ("openapi", "asyncapi")
    )
    return Contract(openapi, asyncapi, proto_text())


@pytest.fixture(scope="module")
def twelve() -> Proposals:
    return twelve_proposals(published())


@pytest.fixture
def both() -> BothAnswers:
    """Two segments of two words, and dates that are months apart."""
    segments = tuple(
        Segment(
            begin + 0.25,
            begin + 1.5,
            f"Word {begin:g}.",
            0.9 - begin / 10,
            (
                Word("Word", begin + 0.25, begin + 0.75, 0.95 - begin / 10),
                Word(f"{begin:g}.", begin + 0.75, begin + 1.5, 0.85 - begin / 10),
            ),
        )
        for begin in (0.0, 2.0)
    )
    stages = Stages(1, 2, 3, 4, 5)
    old = Transcript("Word 0. Word 2.", segments, 4.0, "tiny", "1", "cpu", stages)
    new = RecordingTranscript.of(old)
    told = {"deprecation": "@1796083200", "sunset": "Sat, 29 May 2027 00:00:00 GMT"}
    as_json = lambda kind, value: TypeAdapter(kind).dump_python(value, mode="json")  # noqa: E731
    return BothAnswers(
        Answered("/v1/audio:transcribe", told, as_json(Transcript, old)),
        Answered("/v2/audio:transcribe", {}, as_json(RecordingTranscript, new)),
    )


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 09.1


def test_the_verdicts_of_the_solution_are_accepted(twelve: Proposals) -> None:
    outcome = judged("09.1", solved.mine, twelve)
    assert outcome.verdict is Verdict.PASS, told(outcome)


def test_there_are_four_of_each_and_one_that_no_comparison_sees(twelve: Proposals) -> None:
    kinds = [one.verdict for one in twelve.values()]
    assert {kind: kinds.count(kind) for kind in Change} == dict.fromkeys(Change, 4)
    unseen = [number for number, one in twelve.items() if "no schema" in one.why]
    assert unseen == [9]


def test_the_table_tells_no_verdict(twelve: Proposals) -> None:
    text = twelve.table.text
    assert len(twelve.table.rows) == 12
    assert not any(kind.value in text for kind in Change)


def test_the_published_contract_is_left_as_it_was(twelve: Proposals) -> None:
    before = published()
    twelve_proposals(before)
    assert compared(before.openapi, published().openapi) == ()
    assert compared(before.asyncapi, published().asyncapi) == ()


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ({3: "additive"}, "3: not additive; what does a client do that has a branch for each"),
        ({5: "breaking"}, "5: not breaking; what does a client do with a field that it does"),
        ({4: "behaviour"}, "4: not behaviour; is every request of today still taken"),
        ({9: "additive"}, "9: not additive; would any validator notice"),
        ({10: "behaviour"}, "10: not behaviour; who has to know the new value"),
        ({1: "harmless"}, "1: 'harmless'"),
        ({12: Ellipsis}, "no answer yet"),
    ],
)
def test_a_wrong_verdict_is_told_with_a_question(
    twelve: Proposals, mistake: dict[int, Any], reason: str
) -> None:
    outcome = judged("09.1", {**solved.mine, **mistake}, twelve)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_one_verdict_for_all_is_eight_times_wrong(twelve: Proposals) -> None:
    outcome = judged("09.1", dict.fromkeys(range(1, 13), "breaking"), twelve)
    assert "4 of 12 right" in told(outcome)
    assert "and 4 more" in told(outcome)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (..., "no answer yet"),
        (["additive"] * 12, "a dict with the keys 1 to 12"),
        ({1: "additive"}, "a dict with the keys 1 to 12"),
    ],
)
def test_what_is_no_answer_is_told_its_form(twelve: Proposals, answer: object, reason: str) -> None:
    outcome = judged("09.1", answer, twelve)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)
    assert "no proposals" in told(judged("09.1", solved.mine, None))


# --- 09.2


def test_the_guide_of_the_solution_is_accepted(both: BothAnswers) -> None:
    outcome = judged("09.2", solved.guide(both), both)
    assert outcome.verdict is Verdict.PASS, told(outcome)


def changed(both: BothAnswers, name: str, value: object) -> dict[str, Any]:
    guide = copy.deepcopy(solved.guide(both))
    if name in guide:
        guide[name] = value
    elif value is None:
        del guide["fields"][name]
    else:
        guide["fields"][name] = value
    return guide


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("call", "/v1/audio:transcribe", "that is the old one"),
        ("call", "v2", "is not what answered"),
        ("deprecated", "1 December", "no date as 2026-12-31"),
        ("deprecated", "2026-12-02", "is not what the header deprecation says"),
        ("gone", "2027-05-30", "is not what the header sunset says"),
        ("status_when_gone", 404, "404 is not what is answered for something that was"),
        ("audio_s", None, "nothing is said of audio_s"),
        ("audio_s", ("duration_ms", None), "4.0 as it is is not 4000"),
        ("audio_s", ("duration_ms", 0.001), "4.0 times 0.001 is not 4000"),
        ("audio_s", ("duration_s", 1), "the new answer has no 'duration_s'"),
        ("audio_s", "duration_ms", "no pair (new field, factor)"),
        ("audio_s", ("duration_ms", "1000"), "is no factor"),
        ("segments[].words[].text", ("segments[].text", None), "4 values in the old answer, 2"),
        ("segments[].words[].start_s", ("words[].end_ms", 1000), "times 1000 is not"),
        ("segments[].end_s", None, "nothing is said of segments[].end_s"),
        ("model", ("model.version", None), "'tiny' as it is is not '1'"),
        ("words", ("words[].text", None), "the old answer has no 'words'"),
        ("fields", [], "no dict from an old field"),
        ("fields", ..., "no answer yet"),
    ],
)
def test_a_guide_that_leads_astray_is_told_where(
    both: BothAnswers, name: str, value: object, reason: str
) -> None:
    outcome = judged("09.2", changed(both, name, value), both)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_dates_the_wrong_way_round_are_told_as_such(both: BothAnswers) -> None:
    guide = solved.guide(both)
    guide["deprecated"], guide["gone"] = guide["gone"], guide["deprecated"]
    assert "the wrong way round" in told(judged("09.2", guide, both))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(..., "no answer yet"), ("call v2", "a dict with the keys"), ({}, "a dict with the keys")],
)
def test_what_is_no_guide_is_told_its_form(both: BothAnswers, answer: object, reason: str) -> None:
    assert reason in told(judged("09.2", answer, both))
    assert "no answers" in told(judged("09.2", solved.guide(both), None))


def test_every_value_of_an_answer_has_its_field_and_its_place() -> None:
    body = {"a": [{"b": [1, 2]}, {"b": [3]}], "c": {"d": "x"}, "e": []}
    assert leaves(body) == {"a[].b[]": [1, 2, 3], "c.d": ["x"]}
