"""Lab 11's exercises: a log that is forged, a policy of residency, an auditor's five questions."""

from collections.abc import Mapping, Set
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments import proof

_WAYS = (proof.CHAIN, proof.FOLDER, proof.SAVED, proof.NOTHING)


# -- 11.1 ----------------------------------------------------------------------------------------


def judge_forgery(answer: Any, measured: Any) -> Outcome:
    """11.1: a forged log, and the first look that notices, held against really looking."""
    is_pair = isinstance(measured, tuple) and len(measured) == 2
    if not is_pair or not isinstance(measured[0], proof.Log):
        return not_yet("no log", "the log and its checkpoint", 'check("11.1", mine, (log, saved))')
    log, saved = measured
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[0], proof.Log):
        return not_yet(
            f"{answer!r:.60}", "(forged, 'what catches it')", "log.with_records(records)"
        )
    forged, said = answer
    if said not in _WAYS:
        return not_yet(f"{said!r:.40}", f"one of {', '.join(map(repr, _WAYS))}", "the second part")
    if forged.lines == log.lines:
        return not_yet("the records as they were", "a log that was changed", "forged.records")
    found = proof.caught(forged, saved)
    if found.by_chain:
        return not_yet(
            f"{found.by_chain}: a naive verifier notices",
            "a log whose chain fits; whoever changes a record has to go on to the end",
            "proof.unchained(forged.records)",
        )
    if found.first == proof.NOTHING:
        return not_yet(
            "a change that nothing catches: no checkpoint tells of those records yet",
            f"a change among the first {proof.size_of(saved)} records, which are signed",
            "proof.caught(forged, saved)",
        )
    if said == proof.CHAIN:
        return not_yet(
            "the chain", f"whoever rewrites all of it makes it fit: {_said(found)}", "the chain"
        )
    if said != found.first:
        return not_yet(f"{said}", f"the first that notices: {_said(found)}", "proof.caught")
    return passed(f"The chain fits, and the {found.first} does not: {_said(found)}.")


def _said(found: proof.Caught) -> str:
    return found.by_folder or found.by_saved


# -- 11.2 ----------------------------------------------------------------------------------------


def judge_policy(answer: Any, _: object) -> Outcome:
    """11.2: rules in Cedar's language, held against a table of cases, with and without forbids."""
    if not isinstance(answer, str):
        return not_yet(f"{answer!r:.60}", "a text in Cedar's language", 'check("11.2", policy)')
    try:
        found = proof.decided(answer, proof.CASES)
    except InvalidParameter as error:
        return not_yet(error.received[:400], error.expected, "proof.schema(), print it")
    for one in found:
        if one.errors and one.permits_alone != one.case.expected:
            return not_yet(
                f"{one.case.name}: {one.errors[0][:160]}; a forbid that cannot be evaluated is"
                f" skipped, and the permits alone give {one.permits_alone}",
                "a permit that states the region itself, and permits nothing that it cannot check",
                f"{one.case.why}",
            )
    wrong = [one for one in found if not one.is_right]
    if wrong:
        return _wrong(wrong[0], len(found) - len(wrong), len(found))
    loose = [one for one in found if one.permits_alone != one.case.expected]
    if loose:
        return not_yet(
            f"{loose[0].case.name}: without the forbids it would go to {loose[0].permits_alone}",
            "permits that state where; residency that is only a forbid is gone when that one is",
            "the permits alone",
        )
    return passed(
        f"All {len(found)} cases, and the permits alone decide the same.",
        "A forbid beside them gives a refusal its name, and nothing depends on it.",
    )


def _wrong(one: proof.Decided, right: int, count: int) -> Outcome:
    seen = f"{one.case.name}: {one.outcome}"
    if one.case.expected == "eu-north":
        seen += "; home alone is allowed, and not the other regions of its area"
    elif one.outcome == "eu-north":
        seen += "; the area is looked at, and the contract is not"
    elif one.outcome == "us-east":
        seen += "; what is at home in the EU left it"
    elif one.case.home == "us-east":
        seen += "; what is at home elsewhere need not stay in the EU"
    return not_yet(seen, f"{one.case.expected}: {one.case.why}", f"{right} of {count} cases")


# -- 11.3 ----------------------------------------------------------------------------------------

_ANSWERS = {"calls", "streams", "erased", "rules", "first_bad"}


def judge_answers(answer: Any, measured: object) -> Outcome:
    """11.3: five answers, held against the same log."""
    if not isinstance(measured, proof.Audit):
        return not_yet("no log", "what the auditor has", 'check("11.3", answers, case)')
    if not isinstance(answer, Mapping) or set(answer) != _ANSWERS:
        return not_yet(f"{answer!r:.60}", f"a dict with {sorted(_ANSWERS)}", "case.questions")
    for judge in (_calls, _streams, _erased, _rules, _first_bad):
        wrong = judge(answer, measured)
        if wrong is not None:
            return wrong
    return passed("All five, from the log alone.", "No sound and no word was needed for it.")


def _calls(answer: Mapping[str, Any], case: proof.Audit) -> Outcome | None:
    right, given = proof.calls_of(case), _set(answer["calls"])
    if given == right:
        return None
    of_key = {one["request_id"] for one in case.records if one["key_id"] == case.key_id}
    if given is not None and right < given <= of_key:
        return not_yet("calls: those at other times, too", "from since on, before until", "time")
    told = "calls: not those of that key"
    if given is not None and given < right:
        told = f"calls: {len(right - given)} missing; a call that was refused was made, too"
    return not_yet(told, "call.admitted and call.refused, by key_id, by time", "case.key_id")


def _streams(answer: Mapping[str, Any], case: proof.Audit) -> Outcome | None:
    right, given = proof.streams_of(case), _set(answer["streams"])
    if given == right:
        return None
    others = {
        one["stream_id"]
        for one in case.records
        if one["action"] == "stream.opened" and one["about"]["version"] == case.version
    }
    if given == others:
        return not_yet("streams: another tenant's, too", f"those of {case.tenant}", "tenant")
    if given is not None and right < given:
        return not_yet(
            "streams: more than live streams on that version",
            "the action stream.opened, and its version",
            "recordings have stream_ids, too",
        )
    return not_yet("streams: not those", "stream.opened, by tenant, by about['version']", "action")


def _erased(answer: Mapping[str, Any], case: proof.Audit) -> Outcome | None:
    right, given = proof.erasure_of(case), answer["erased"]
    if isinstance(given, tuple | list) and tuple(given) == right:
        return None
    if isinstance(given, tuple | list) and tuple(given) == (right[0], case.tenant):
        return not_yet(
            f"erased: by {case.tenant}, whose person it was",
            "whoever called: the call.admitted with the same request_id",
            "request_id",
        )
    return not_yet(
        f"erased: {given!r:.80}",
        "(time, tenant of the call), of data.deleted whose kind is subject",
        "about['kind']",
    )


def _rules(answer: Mapping[str, Any], case: proof.Audit) -> Outcome | None:
    right, given = proof.rules_of(case), _set(answer["rules"])
    if given == right:
        return None
    if given is not None and right < given:
        return not_yet("rules: some that allowed", "those of decisions that are deny", "decision")
    return not_yet("rules: not those", "about['rules'] of policy.decided that is deny", "action")


def _first_bad(answer: Mapping[str, Any], case: proof.Audit) -> Outcome | None:
    given = answer["first_bad"]
    found = proof.first_bad(case.handed_over, case.saved)
    if given == found:
        return None
    naive = proof.unchained(case.handed_over.records)
    if given == naive:
        return not_yet(
            f"first_bad: {given}, which does not hold the hash before it",
            "the record that was changed: it is the one before whose hash is another now",
            "proof.verified(case.handed_over, case.saved)",
        )
    return not_yet(f"first_bad: {given!r:.40}", "a record's number", "proof.verified")


def _set(given: Any) -> set[str] | None:
    """What was given as a set; None where it is none, such as a single word."""
    is_several = isinstance(given, Set | list | tuple)
    return set(given) if is_several and all(isinstance(one, str) for one in given) else None


EXERCISES = (
    Exercise(
        "11.1",
        "Break the chain and be caught",
        judge_forgery,
        (
            "What does each record hold of the one before it, and so what has to change when you"
            " change one?",
            "Change a record of log.records, have proof.chained compute all hashes anew, and put"
            " the result into log.with_records. Then ask proof.caught(forged, saved).first.",
            "records = log.records; records[5]['tenant'] = 'somebody'; forged ="
            " log.with_records(proof.chained(records)). The chain fits; which of the two others"
            " is the first to notice?",
        ),
    ),
    Exercise(
        "11.2",
        "Write a residency policy",
        judge_policy,
        (
            "Which three things have to hold before speech may be recognized in a region: of the"
            " contract, of the area, of the consent?",
            "One permit with all three in its when. principal.allowed.contains(resource) is the"
            " contract; resource.area and principal.home.area are the areas.",
            '(principal.home.area != "eu" || resource.area == "eu") says that what is at home in'
            ' the EU stays there; the consent is principal.consents.contains("recognition").',
        ),
    ),
    Exercise(
        "11.3",
        "Answer an auditor's five questions",
        judge_answers,
        (
            "Which action is each question about? Print one record of each:"
            " {one['action']: one for one in case.records}.",
            "Times are text in one form, so they compare as text. Who did it stands with the"
            " call.admitted that has the same request_id.",
            "The fifth is not for your eyes: proof.verified(case.handed_over, case.saved) names"
            " the record. The one with the wrong hash is the one behind it.",
        ),
    ),
)
