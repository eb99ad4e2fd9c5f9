"""Lab 02: choose a framework for four briefs; write the readiness probe.

The briefs' texts stand in the notebook; here is what fits them, what does not, and why. Several
frameworks may fit. What a probe is asked about is a handful of facts that any server has.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, not_yet, passed

MODEL_TYPE, LATENCY = "model type", "latency"
SCALING, BURDEN = "scaling model", "operational burden"
CRITERIA = (MODEL_TYPE, LATENCY, SCALING, BURDEN)
HANDLER = "plain handler"
FRAMEWORKS = (
    HANDLER,
    "TensorFlow Serving",
    "TorchServe",
    "Triton",
    "KServe",
    "BentoML",
    "Ray Serve",
    "LitServe",
    "vLLM",
    "SGLang",
    "TensorRT-LLM",
)


@dataclass(frozen=True, slots=True)
class Brief:
    """What one brief asks of a framework.

    Attributes:
        deciding: the criteria that rule the most frameworks out.
        because: why they decide.
        fits: frameworks that fit, each with the reason.
        others: why each of the rest does not.
    """

    deciding: tuple[str, ...]
    because: str
    fits: Mapping[str, str]
    others: Mapping[str, str]


_ONE_FORMAT = "it serves TensorFlow's models, and this brief has others"
_ARCHIVED = "it is archived: whoever starts with it now maintains it themselves"
_FOR_LANGUAGE_MODELS = "it serves models that write token after token, and gains nothing elsewhere"
_A_CLUSTER = "it brings a cluster to be run, and here is one developer"
_PYTHON = "Python handles every request, and a budget of this size has no room for it"

BRIEFS: Mapping[str, Brief] = {
    "A": Brief(
        deciding=(MODEL_TYPE,),
        because="a large decoder's limit is its cache of keys and values, and only an engine that"
        " manages it fits hundreds of conversations into a GPU",
        fits={
            "vLLM": "continuous batching over a paged cache, and the throughput at 100",
            "SGLang": "continuous batching, and a cache made for prompts that begin alike",
        },
        others={
            "TensorRT-LLM": "it leads at concurrency 1 and trails at 100; this brief has hundreds",
            HANDLER: "one conversation at a time",
            "TensorFlow Serving": _ONE_FORMAT,
            "TorchServe": _ARCHIVED,
            "Triton": "it batches requests, not decoder steps; the engine that it hosts for this"
            " is the answer",
            "KServe": "it deploys and scales an engine, and has none of its own",
            "BentoML": "it wraps an engine, and has none of its own",
            "Ray Serve": "it spreads an engine over nodes, and has none of its own",
            "LitServe": "it batches whole requests: the shortest answer waits for the longest",
        },
    ),
    "B": Brief(
        deciding=(BURDEN,),
        because="at this rate and this patience everything is fast enough; what is scarce is the"
        " one person who runs it",
        fits={
            "LitServe": "one Python file, batching and workers included",
            "BentoML": "one Python file, and it builds the container too",
            HANDLER: "one core is enough for this rate; keep the model's call off the event loop",
        },
        others={
            "TensorFlow Serving": _ONE_FORMAT,
            "TorchServe": _ARCHIVED,
            "Triton": "its repository, configuration and backends are more to run than the model",
            "KServe": _A_CLUSTER,
            "Ray Serve": _A_CLUSTER,
            "vLLM": _FOR_LANGUAGE_MODELS,
            "SGLang": _FOR_LANGUAGE_MODELS,
            "TensorRT-LLM": _FOR_LANGUAGE_MODELS,
        },
    ),
    "C": Brief(
        deciding=(LATENCY, MODEL_TYPE),
        because="many models of several formats have to share the GPUs within a few milliseconds"
        " each",
        fits={
            "Triton": "several formats in one C++ server, dynamic batching for each model",
            "KServe": "it deploys such a server for each format; with Triton as its runtime",
        },
        others={
            HANDLER: _PYTHON,
            "TensorFlow Serving": _ONE_FORMAT,
            "TorchServe": _ARCHIVED,
            "BentoML": _PYTHON,
            "Ray Serve": _PYTHON,
            "LitServe": _PYTHON,
            "vLLM": _FOR_LANGUAGE_MODELS,
            "SGLang": _FOR_LANGUAGE_MODELS,
            "TensorRT-LLM": _FOR_LANGUAGE_MODELS,
        },
    ),
    "D": Brief(
        deciding=(SCALING,),
        because="each step needs its own hardware and its own number of copies, and none at night",
        fits={
            "Ray Serve": "steps are deployments of their own, each with its replicas and resources",
            "KServe": "steps of an inference graph, each scaled by itself, down to nothing",
            "BentoML": "services that call one another, each with its own resources",
        },
        others={
            HANDLER: "all steps in one process: they scale together or not at all",
            "TensorFlow Serving": _ONE_FORMAT,
            "TorchServe": _ARCHIVED,
            "Triton": "its ensembles run inside one server, so the steps are copied together",
            "LitServe": "one server with workers; a pipeline of several is yours to build",
            "vLLM": "right for the summary alone; something has to run and scale the other steps",
            "SGLang": "right for the summary alone; something has to run and scale the other steps",
            "TensorRT-LLM": "right for the summary alone; the other steps are left",
        },
    ),
}


def judge_frameworks(answer: Any, measured: object) -> Outcome:
    """02.1: for each brief a framework that fits it, and the criterion that decides."""
    if not isinstance(answer, dict) or set(answer) != set(BRIEFS):
        return not_yet(repr(answer), f"a dict with the keys {', '.join(BRIEFS)}", "the briefs")
    wrong = [w for name, brief in BRIEFS.items() if (w := _misfit(name, brief, answer[name]))]
    if wrong:
        return not_yet(
            "\n".join(wrong),
            "a framework that fits, and the criterion that rules most others out",
            "the brief's own words, and the table of criteria",
        )
    return passed(*(_reason(name, brief, answer[name]) for name, brief in BRIEFS.items()))


@dataclass(frozen=True, slots=True)
class Health:
    """What a server knows of itself when it is probed.

    Attributes:
        weights_loaded: production's weights are verified and in memory.
        warmed_up: production has answered an inference since.
        draining: the server was told to stop; what is in flight may finish.
        canary, shadow: that version's state, ``loading``, ``ready`` or ``failed``; None if there
            is none.
        waiting: requests in the queue, which is bounded.
        most_waiting: its bound.
    """

    weights_loaded: bool = True
    warmed_up: bool = True
    draining: bool = False
    canary: str | None = None
    shadow: str | None = None
    waiting: int = 0
    most_waiting: int = 64


@dataclass(frozen=True, slots=True)
class Scenario:
    """One moment of a server, and whether it should get work then."""

    name: str
    health: Health
    is_ready: bool
    why: str


_WELL = Health()
SCENARIOS = (
    Scenario("loaded, warm and idle", _WELL, True, "nothing is wrong with it"),
    Scenario(
        "just started",
        Health(weights_loaded=False, warmed_up=False),
        False,
        "there is nothing to answer with",
    ),
    Scenario(
        "loaded, but never inferred",
        replace(_WELL, warmed_up=False),
        False,
        "the first inference is the slowest, and may be the one that fails; not on a caller",
    ),
    Scenario(
        "warm once, its weights gone since",
        replace(_WELL, weights_loaded=False),
        False,
        "having answered before does not help the next caller",
    ),
    Scenario(
        "told to stop, still serving its last streams",
        replace(_WELL, draining=True, waiting=2),
        False,
        "new work would be cut off; unready is how it asks to be left alone",
    ),
    Scenario(
        "its canary failed to load",
        replace(_WELL, canary="failed"),
        True,
        "production answers everybody; a bad canary must not take the pod out, nor the fleet",
    ),
    Scenario(
        "a canary is loading beside it",
        replace(_WELL, canary="loading"),
        True,
        "a deployment is no reason to stop serving",
    ),
    Scenario(
        "its shadow failed",
        replace(_WELL, shadow="failed"),
        True,
        "nobody waits for a shadow",
    ),
    Scenario(
        "busy, the queue nearly full",
        replace(_WELL, waiting=60),
        True,
        "busy is not broken: leaving would hand its load to neighbours as busy as itself",
    ),
    Scenario(
        "busy, the queue full to the last place",
        replace(_WELL, waiting=64),
        True,
        "it refuses by itself what it cannot take, with a time to come back",
    ),
    Scenario(
        "told to stop before it was warm",
        Health(weights_loaded=True, warmed_up=False, draining=True),
        False,
        "it never was ready, and is not going to be",
    ),
)


def judge_probe(answer: Any, measured: object) -> Outcome:
    """02.2: a function from health to whether work may be sent, over every scenario."""
    if not _takes_health(answer):
        return not_yet(repr(answer), "a function of one argument, the health", "its definition")
    told = [(scenario, answer(scenario.health)) for scenario in SCENARIOS]
    if (
        missing := nothing_returned([said for _, said in told], "write the readiness probe")
    ) is not None:
        return missing
    wrong = [
        f"{scenario.name}: {said!r}. {scenario.why[0].upper()}{scenario.why[1:]}"
        for scenario, said in told
        if said is not scenario.is_ready
    ]
    if wrong:
        return not_yet(
            "\n".join(wrong),
            "True where new work may be sent, False where not",
            f"{len(wrong)} of {len(SCENARIOS)} moments of a server",
        )
    return passed(*(f"{'ready' if s.is_ready else 'not'}: {s.name}" for s in SCENARIOS))


EXERCISES = (
    Exercise(
        "02.1",
        "Choose a framework for four briefs",
        judge_frameworks,
        (
            "For each brief, which single fact rules out most frameworks? That is the criterion.",
            "A has a model with a cache, B hardly any people, C hardly any time, D steps that"
            " differ.",
            f"A: {MODEL_TYPE}; B: {BURDEN}; C: {LATENCY}; D: {SCALING}. Look the frameworks up"
            " in the tables of generations and of criteria; what does not fit is named by the"
            " check.",
        ),
    ),
    Exercise(
        "02.2",
        "Write the readiness probe",
        judge_probe,
        (
            "If a caller came now, would they get an answer?",
            "Whose weights, whose warm-up? Which of the facts is about somebody else?",
            "Three facts decide: weights_loaded, warmed_up and not draining. Canary, shadow and the"
            " queue do not.",
        ),
    ),
)


def _misfit(name: str, brief: Brief, chosen: object) -> str | None:
    """What is wrong with one choice; None if it fits."""
    if not isinstance(chosen, tuple | list) or len(chosen) != 2:
        return f'{name}: {chosen!r} is not ("a framework", "a criterion")'
    framework, criterion = _named(chosen[0], FRAMEWORKS), _named(chosen[1], CRITERIA)
    if framework is None:
        return f"{name}: {chosen[0]!r} is not one of {', '.join(FRAMEWORKS)}"
    if criterion is None:
        return f"{name}: {chosen[1]!r} is not one of {', '.join(CRITERIA)}"
    if framework in brief.others:
        return f"{name}: {framework}: {brief.others[framework]}"
    if criterion not in brief.deciding:
        return f"{name}: {framework} fits, but {criterion} does not decide: {brief.because}"
    return None


def _reason(name: str, brief: Brief, chosen: tuple[str, str]) -> str:
    framework = _named(chosen[0], FRAMEWORKS) or ""
    also = ", ".join(other for other in brief.fits if other != framework)
    return f"{name}: {framework}: {brief.fits[framework]}. {also} would do as well."


def _named(text: object, known: tuple[str, ...]) -> str | None:
    """The known name that ``text`` is, in whatever case."""
    wanted = text.strip().lower() if isinstance(text, str) else None
    return next((name for name in known if name.lower() == wanted), None)


def _takes_health(answer: Callable[..., object]) -> bool:
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind(_WELL)
    except (TypeError, ValueError):
        return False
    return True
