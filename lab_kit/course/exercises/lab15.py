"""Lab 15's exercises: a tenant's agreement, a rule for a canary, triage on a game day."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab_kit.core.units import percent
from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.game_day import CallSeen, Dashboard, Ending, Fault, Gauges
from lab_kit.experiments.game_day.dashboard import VersionSeen
from lab_kit.experiments.product import Agreed
from lab_kit.protocol.tenants import TenantSettings

# -- 15.1 ----------------------------------------------------------------------------------------

_CLINIC = 'product.Agreed(TenantSettings(home_region="…", …), "starter")'


def judge_clinic(answer: Any, measured: object) -> Outcome:
    """15.1: what a clinic has agreed to, as a tenant's settings and a plan."""
    del measured
    if not isinstance(answer, Agreed) or not isinstance(answer.settings, TenantSettings):
        return not_yet(f"{answer!r:.80}", _CLINIC, "the cell that made berlin and boston")
    settings = answer.settings
    wrong = _places_wrong(settings) or _rest_wrong(settings, answer.plan)
    if wrong is not None:
        return not_yet(*wrong, "what the clinic has signed, above")
    return passed(
        "Its speech is recognized in us-east or not at all, and nothing else is done with it.",
        "When us-east is down, it waits: that is what its contract says, too.",
    )


def _places_wrong(settings: TenantSettings) -> tuple[str, str] | None:
    if settings.home_region != "us-east":
        return f"home_region {settings.home_region!r}", "where its own customers are"
    if (beyond := set(settings.allowed_regions) - {"us-east"}) != set():
        return f"allowed: {', '.join(sorted(beyond))}", "no region outside the United States"
    if "us-east" not in settings.allowed_regions:
        return "no region is allowed", "its home has to be named as allowed, too"
    return None


def _rest_wrong(settings: TenantSettings, plan: str) -> tuple[str, str] | None:
    if (more := set(settings.consents) - {"recognition"}) != set():
        return f"consent to {', '.join(sorted(more))}", "it has agreed to recognition alone"
    if "recognition" not in settings.consents:
        return "no consent", "without that to recognition every call is refused"
    if settings.streams != 4:
        return f"streams {settings.streams}", "at most four at once"
    if plan != "starter":
        return f"plan {plan!r}", "starter"
    return None


# -- 15.2 ----------------------------------------------------------------------------------------

_DECIDE = "write decide"
DECISIONS = ("roll back", "wait", "promote")


@dataclass(frozen=True, slots=True)
class _Canary:
    """A canary beside production for some minutes, and what is right."""

    production: VersionSeen
    canary: VersionSeen
    minutes: float
    right: str
    why: str


def _seen(words: int = 5_000, wer: float = 0.080, p95_s: float = 0.250) -> VersionSeen:
    return VersionSeen("1", words, wer, p95_s)


_CANARIES = (
    _Canary(_seen(), _seen(), 31, "promote", "it is like production, for long enough"),
    _Canary(_seen(), _seen(wer=0.101), 31, "roll back", "2.1 points more wrong words"),
    _Canary(_seen(), _seen(wer=0.083), 31, "promote", "0.3 points are not more than 2"),
    _Canary(_seen(), _seen(wer=0.101), 5, "roll back", "what is bad is not waited for"),
    _Canary(_seen(), _seen(p95_s=0.301), 31, "roll back", "its p95 is 51 ms above"),
    _Canary(_seen(p95_s=1.000), _seen(p95_s=1.045), 31, "promote", "45 ms are not more than 50"),
    _Canary(_seen(), _seen(), 12, "wait", "30 minutes are not over"),
    _Canary(_seen(), _seen(words=40, wer=0.2), 31, "wait", "40 words say nothing"),
    _Canary(_seen(), _seen(words=40), 31, "wait", "40 words say nothing"),
    _Canary(_seen(), _seen(wer=0.01, p95_s=0.1), 45, "promote", "better is no reason to wait"),
)


def judge_decide(answer: Any, measured: object) -> Outcome:
    """15.2: a function from two versions and minutes to a decision, by cases."""
    del measured
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "a function", _DECIDE)
    nothing = nothing_returned([_decided(answer, one) for one in _CANARIES], _DECIDE)
    if nothing is not None:
        return nothing
    for one in _CANARIES:
        given = _decided(answer, one)
        if given not in DECISIONS:
            return not_yet(f"{given!r:.60}", f"one of {', '.join(DECISIONS)}", _DECIDE)
        if given != one.right:
            return not_yet(f"{given}: {_told(one)}", one.right, one.why)
    return passed(f"{len(_CANARIES)} canaries were decided as the rule says.")


def _decided(answer: Callable[..., Any], one: _Canary) -> Any:
    return answer(one.production, one.canary, one.minutes)


def _told(one: _Canary) -> str:
    seen = one.canary
    return (
        f"after {one.minutes:g} min, {seen.words:,} words, {percent(seen.word_error_rate, 1)} wrong"
        f" (production {percent(one.production.word_error_rate, 1)}), p95 {seen.p95_s:.3f} s"
        f" ({one.production.p95_s:.3f} s)"
    )


# -- 15.3 ----------------------------------------------------------------------------------------

_TRIAGE = "write triage"
_USUAL_S = 0.2


@dataclass(frozen=True, slots=True)
class _Board:
    """A dashboard, and the fault that it shows."""

    seen: Dashboard
    right: Fault | None
    why: str


def _call(ending: Ending = Ending.SERVED, delay_s: float = _USUAL_S, **more: Any) -> CallSeen:
    if ending is not Ending.SERVED:
        return CallSeen(8.0, 9.0, ending)
    return CallSeen(
        6.0, 9.0, ending, "s", more.get("version", "1"), delay_s, more.get("errors", 0), 12
    )


def _board(*calls: CallSeen, **gauges: Any) -> Dashboard:
    return Dashboard(10.0, 4, calls, Gauges(**{"memory_share": 0.5, **gauges}), _USUAL_S, False)


_WELL, _LATE = (_call(),) * 6, (_call(delay_s=0.9),) * 6
_CUT, _NOBODY = (_call(Ending.CUT),) * 8, (_call(Ending.UNREACHABLE),) * 30
_BAD = (_call(version="2", errors=5),) * 3
_STARTED = (6.0, 7.5, 9.0)

_BOARDS = (
    _Board(_board(*_WELL), None, "nothing is wrong"),
    _Board(_board(*_WELL, memory_share=0.97), Fault.MEMORY, "memory is short"),
    _Board(
        _board(*_CUT, *_NOBODY, memory_share=0.97, starts_s=_STARTED, is_ready=False),
        Fault.MEMORY,
        "memory that is short has the server killed: the starts follow from it",
    ),
    _Board(
        _board(*_WELL, *_BAD, memory_share=0.95), Fault.MEMORY, "what ends the server comes first"
    ),
    _Board(
        _board(*_CUT, *_NOBODY, starts_s=_STARTED, is_ready=False),
        Fault.STARTS,
        "no server lives long enough to be ready",
    ),
    _Board(
        _board(*_LATE, starts_s=_STARTED), Fault.STARTS, "a server that has just started is slow"
    ),
    _Board(_board(*_CUT), Fault.CASCADE, "lines are cut, and the server is well"),
    _Board(_board(*_LATE, *_CUT), Fault.CASCADE, "finals are late because all return at once"),
    _Board(_board(*_WELL, *_BAD), Fault.BAD_VERSION, "version 2 hears other words"),
    _Board(
        _board(*_WELL[:2], *(_call(delay_s=0.6, version="2", errors=5),) * 4),
        Fault.BAD_VERSION,
        "a version that is slow and wrong is a version, not a drift",
    ),
    _Board(_board(*_WELL, off_s=3.1), Fault.BILLING, "the ledger has more than was told"),
    _Board(_board(*_WELL, off_s=-0.2), Fault.BILLING, "the ledger has less than was told"),
    _Board(_board(*_LATE), Fault.DRIFT, "slower than usual, and nothing else"),
)


def judge_triage(answer: Any, measured: object) -> Outcome:
    """15.3: a function from a dashboard to the runbook to open, by cases."""
    del measured
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "a function", _TRIAGE)
    nothing = nothing_returned([answer(one.seen) for one in _BOARDS], _TRIAGE)
    if nothing is not None:
        return nothing
    for one in _BOARDS:
        given = answer(one.seen)
        if given is not None and not isinstance(given, Fault):
            return not_yet(f"{given!r:.60}", "a game_day.Fault, or None", _TRIAGE)
        if given is not one.right:
            right = "None" if one.right is None else str(one.right)
            return not_yet(
                f"{given} for: {one.why}", right, f"the table of it:\n{one.seen.table.text}"
            )
    return passed(f"{len(_BOARDS)} dashboards were read right. Now let it play section 5.")


EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        "15.1",
        "Write down what a tenant has agreed to",
        judge_clinic,
        (
            "Which of the settings says where speech may go, and which what may be done with it?",
            "A home that is not among the allowed regions is refused everywhere.",
            'home_region="us-east", allowed_regions=("us-east",), consents=("recognition",),'
            " streams=4; and the plan's name behind the settings.",
        ),
    ),
    Exercise(
        "15.2",
        "Decide about a canary",
        judge_decide,
        (
            "Which of the three decisions must never wait, and which needs enough of everything?",
            "Few words first: they decide nothing. Then what is bad. Then the time.",
            "Points are differences: canary.word_error_rate - production.word_error_rate > 0.02."
            " The same with p95_s and 0.05.",
        ),
    ),
    Exercise(
        "15.3",
        "Open the right runbook",
        judge_triage,
        (
            "Which fault makes which others' signs appear?",
            "Ask for causes before effects, in the order of docs/runbooks/README.md.",
            "A loop over the six faults in that order: the first for which seen.shows(fault).",
        ),
    ),
)
