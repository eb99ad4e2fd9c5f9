"""The pipeline's stages: what each waits in, what it may take, and what happens when it cannot.

A budget is not a timeout. It is what a stage is allowed of the 300 ms, so that one that takes more
is seen before the sum is.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.table import Table
from lab_kit.core.units import ms


class Stage(StrEnum):
    """A stage that is timed."""

    DECODE = "decode"
    SEGMENT = "segment"
    TURN = "turn"
    BATCH = "batch"
    INFER = "infer"
    POSTPROCESS = "postprocess"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class StageRule:
    """What a stage promises.

    Attributes:
        does: in a few words.
        queue: where work waits for it, and how much may.
        budget_s: what one piece of work may take in it, waiting for the next stage left out.
        failure: what happens to a piece of work that it cannot do.
    """

    does: str
    queue: str
    budget_s: float
    failure: str


RULES: dict[Stage, StageRule] = {
    Stage.DECODE: StageRule(
        "bytes to 16 kHz mono",
        "the socket; nothing is read while finals are owed",
        0.005,
        "the chunk is refused whole, by name",
    ),
    Stage.SEGMENT: StageRule(
        "voice activity, endpointing, what to ask",
        "none: half a second of sound at a time",
        0.010,
        "a defect: the stream ends, with its finals",
    ),
    Stage.TURN: StageRule(
        "whether a pause ends what is said, where that is asked for",
        "a thread of its own, four pauses; others are left to silence",
        0.100,
        "silence alone decides, and the final says so",
    ),
    Stage.BATCH: StageRule(
        "wait for a place beside others",
        "the engine's, 256 requests; a newer interim replaces the one that waits",
        0.050,
        "an interim is left out; a final ends the stream with SYSTEM_OVERLOADED",
    ),
    Stage.INFER: StageRule(
        "encoder and decoder",
        "places in the running batch",
        0.200,
        "a final is tried again, then kept as a dead letter; an interim is left out",
    ),
    Stage.POSTPROCESS: StageRule(
        "optional: punctuation, numerals, redaction",
        "none",
        0.005,
        "that step is left out of that result; the result goes on",
    ),
    Stage.SEND: StageRule(
        "event to message to socket",
        "64 events a stream; a newer interim replaces the last, finals never go",
        0.020,
        "the stream ends with SLOW_CONSUMER",
    ),
}
"""In the order in which a piece of sound meets them."""
UNTIMED = """\
receive comes before them and has neither budget nor timing: a stream takes a message off its wire
when it is ready for one, so that who sends too fast is held back. What waits meanwhile lies in the
kernel's buffers and the library's, where nobody stamps it; a clock of ours would start too late and
show next to nothing just when most was waiting."""
"""Why the first step of the pipeline is not among the stages."""


def table() -> Table:
    """The rules, and why the first step has none."""
    head = ("stage", "does", "waits in", "where it fails", "budget, ms")
    rows = [
        (stage, rule.does, rule.queue, rule.failure, f"{ms(rule.budget_s):.0f}")
        for stage, rule in RULES.items()
    ]
    return Table("stage", head, rows, ["", UNTIMED], left=4)
