"""Lab 11's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from dataclasses import replace
from typing import Any

import pytest
from made_log import log_of, record, usual_log
from solutions import lab11 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments import proof


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 11.1

LOG = usual_log(13, 8)
SAVED = LOG.notes[-1]


def changed(at: int = 5, *, is_chained: bool = True) -> proof.Log:
    records = LOG.records
    records[at]["tenant"] = "somebody-else"
    return LOG.with_records(proof.chained(records) if is_chained else records)


def cut_off(*, with_checkpoints: bool) -> proof.Log:
    short = replace(LOG, lines=LOG.lines[:8])
    return replace(short, notes=LOG.notes[:1]) if with_checkpoints else short


def test_a_log_whose_chain_fits_is_caught_by_its_root() -> None:
    outcome = judged("11.1", solved.forged(LOG), (LOG, SAVED))
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize(
    "answer",
    [
        (changed(12, is_chained=False), "signed root"),
        (cut_off(with_checkpoints=False), "signed root"),
        (cut_off(with_checkpoints=True), "saved checkpoint"),
    ],
    ids=["last record", "end cut off", "end and checkpoints cut off"],
)
def test_other_forgeries_count_too(answer: tuple[proof.Log, str]) -> None:
    outcome = judged("11.1", answer, (LOG, SAVED))
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (changed(), "(forged, 'what catches it')"),
        ((changed(), "the auditor"), "one of 'chain'"),
        ((LOG, "nothing"), "the records as they were"),
        ((changed(is_chained=False), "signed root"), "a naive verifier notices"),
        ((changed(), "chain"), "whoever rewrites all of it makes it fit"),
        ((changed(), "saved checkpoint"), "the first that notices"),
        ((changed(), "nothing"), "the first that notices"),
        ((cut_off(with_checkpoints=True), "signed root"), "the first that notices"),
    ],
)
def test_each_wrong_forgery_is_named(answer: object, reason: str) -> None:
    outcome = judged("11.1", answer, (LOG, SAVED))
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_records_that_nobody_signed_yet_do_not_count() -> None:
    more = replace(LOG, lines=usual_log(15).lines)
    records = more.records
    records[14]["tenant"] = "somebody-else"
    outcome = judged("11.1", (more.with_records(records), "nothing"), (more, SAVED))
    assert "no checkpoint tells of those records yet" in told(outcome)
    assert "the log and its checkpoint" in told(judged("11.1", (LOG, "chain")))


# --- 11.2

WHO = '(principal is Tenant, action == Action::"recognition", resource is Region)'
CONSENT = 'principal.consents.contains("recognition")'
ALLOWED = "principal.allowed.contains(resource)"
AREA = '(principal.home.area != "eu" || resource.area == "eu")'


def rule(kind: str, *conditions: str) -> str:
    return f'@id("{kind}") {kind} {WHO} when {{ {" && ".join(conditions)} }};\n'


FORBIDS = rule("forbid", 'principal.home.area == "eu"', 'resource.area != "eu"')
NOT_EU = '!(resource has area && resource.area == "eu")'
WITHOUT_ERRORS = rule(
    "forbid", '(!(principal.home has area) || principal.home.area == "eu")', NOT_EU
)
WRONG_POLICIES = {
    "broad permit, a forbid that errors": (
        rule("permit", ALLOWED, CONSENT) + FORBIDS,
        "a forbid that cannot be evaluated is skipped",
    ),
    "residency only as a forbid": (
        rule("permit", ALLOWED, CONSENT) + WITHOUT_ERRORS,
        "without the forbids it would go to us-east",
    ),
    "home and not the area": (
        rule("permit", "resource == principal.home", ALLOWED, CONSENT),
        "home alone is allowed",
    ),
    "area and not the contract": (rule("permit", AREA, CONSENT), "the contract is not"),
    "contract and not the area": (rule("permit", ALLOWED, CONSENT), "what is at home in the EU"),
    "no consent": (rule("permit", ALLOWED, AREA), "the contract is not for recognition"),
    "the EU for everybody": (
        rule("permit", ALLOWED, CONSENT, 'principal.home.area == "eu"', 'resource.area == "eu"'),
        "what is at home elsewhere",
    ),
    "no name": (f"permit {WHO};", "without a name of their own"),
    "no Cedar": ("let everybody in", "rules that fit the schema"),
    "no text": (42, "a text in Cedar's language"),
}


@pytest.mark.parametrize("policy", [solved.policy, rule("permit", ALLOWED, AREA, CONSENT)])
def test_a_policy_whose_permit_says_all_passes(policy: str) -> None:
    outcome = judged("11.2", policy)
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize("name", WRONG_POLICIES)
def test_each_wrong_policy_is_named(name: str) -> None:
    policy, reason = WRONG_POLICIES[name]
    outcome = judged("11.2", policy)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


# --- 11.3


@pytest.fixture
def case() -> proof.Audit:
    """Two keys, two versions, an erasure, and a refusal by a rule."""
    times = [f"2026-01-31T00:00:{second:02}.000Z" for second in range(20)]
    told: list[tuple[str, dict[str, Any]]] = [
        ("log.opened", {}),
        ("call.admitted", {"tenant": "a", "key_id": "k1", "request_id": "r1"}),
        ("call.admitted", {"tenant": "a", "key_id": "k1", "request_id": "r2"}),
        ("recording.opened", {"tenant": "a", "stream_id": "s0", "about": {"version": 2}}),
        ("call.admitted", {"tenant": "a", "key_id": "k2", "request_id": "r3"}),
        ("policy.decided", {"tenant": "a", "about": {"decision": "allow", "rules": ["yes"]}}),
        ("policy.decided", {"tenant": "a", "about": {"decision": "deny", "rules": ["no"]}}),
        ("call.refused", {"tenant": "a", "key_id": "k1", "request_id": "r4"}),
        ("call.admitted", {"tenant": "a", "key_id": "k1", "request_id": "r5"}),
        ("stream.opened", {"tenant": "a", "stream_id": "s1", "about": {"version": 2}}),
        ("stream.opened", {"tenant": "b", "stream_id": "s2", "about": {"version": 2}}),
        ("stream.opened", {"tenant": "a", "stream_id": "s3", "about": {"version": 1}}),
        ("data.deleted", {"tenant": "a", "request_id": "r3", "about": {"kind": "operation"}}),
        ("call.admitted", {"tenant": "operator", "request_id": "r6"}),
        ("data.deleted", {"tenant": "a", "request_id": "r6", "about": {"kind": "subject"}}),
    ]
    records = [
        record(action, **{"time": time, **more})
        for time, (action, more) in zip(times, told, strict=False)
    ]
    log = log_of(records)
    bad = log.records
    bad[4]["tenant"] = "nobody"
    return proof.Audit(
        tuple(log.records),
        *("k1", times[2], times[8], "a"),
        version=2,
        handed_over=log.with_records(bad),
        saved=log.notes[-1],
    )


def test_the_log_answers_all_five(case: proof.Audit) -> None:
    answers = solved.answers(case)
    assert answers == {
        "calls": {"r2", "r4"},
        "streams": {"s1"},
        "erased": ("2026-01-31T00:00:14.000Z", "operator"),
        "rules": {"no"},
        "first_bad": 4,
    }
    outcome = judged("11.3", answers, case)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert [row[0] for row in case.questions.rows] == list(answers)


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ({"calls": {"r1", "r2", "r4", "r5"}}, "those at other times, too"),
        ({"calls": {"r2"}}, "a call that was refused was made, too"),
        ({"calls": {"r2", "r3", "r4"}}, "not those of that key"),
        ({"calls": "r2"}, "not those of that key"),
        ({"streams": {"s1", "s2"}}, "another tenant's, too"),
        ({"streams": {"s0", "s1"}}, "more than live streams"),
        ({"streams": {"s3"}}, "streams: not those"),
        ({"erased": ("2026-01-31T00:00:14.000Z", "a")}, "whose person it was"),
        ({"erased": ("2026-01-31T00:00:12.000Z", "a")}, "whose kind is subject"),
        ({"rules": {"yes", "no"}}, "some that allowed"),
        ({"rules": set()}, "rules: not those"),
        ({"first_bad": 5}, "which does not hold the hash before it"),
        ({"first_bad": 0}, "first_bad: 0"),
    ],
)
def test_each_wrong_answer_is_named(
    case: proof.Audit, mistake: dict[str, Any], reason: str
) -> None:
    outcome = judged("11.3", {**solved.answers(case), **mistake}, case)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_an_answer_of_another_form_is_refused(case: proof.Audit) -> None:
    assert "a dict with" in told(judged("11.3", ["r2"], case))
    assert "what the auditor has" in told(judged("11.3", solved.answers(case)))


@pytest.mark.parametrize("exercise", ["11.1", "11.2", "11.3"])
def test_starters_are_no_answers(exercise: str) -> None:
    assert "no answer yet" in told(judged(exercise, ...))
    assert len(EXERCISES[exercise].hints) == 3
