"""Twelve changes that somebody proposes to the served contract.

Each is made to the real documents and judged by the same comparison that guards them in CI. One of
them is in no schema, and so in no comparison.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab_kit.core.table import Table
from lab_kit.experiments.contracts.served import Contract, compared
from lab_kit.protocol.contract.change import Verdict, worst

_TRANSCRIBE, _SYNTHESIZE = "/v1/audio:transcribe", "/v1/audio:synthesize"
_NOT_IN_ANY_SCHEMA = (
    "both are a number of seconds, so no schema and no comparison sees it; a client that cuts sound"
    " at the words' times cuts in the wrong places from the second segment on"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change.

    Attributes:
        where: the operation, and which side writes the value.
        was, now: in words.
        verdict: the worst that the comparison finds; behaviour for what it cannot see.
        why: one sentence, which client breaks or why none does.
        question: what to ask oneself.
    """

    where: str
    was: str
    now: str
    verdict: Verdict
    why: str
    question: str


class Proposals(dict[int, Proposal]):
    """The changes by their numbers, from 1."""

    @property
    def table(self) -> Table:
        """What is proposed, without a verdict."""
        rows = [(f"{number}", one.where, one.was, one.now) for number, one in self.items()]
        return Table("proposed change", ("", "where", "is", "shall be"), rows, left=4)


@dataclass(frozen=True, slots=True)
class _Draft:
    where: str
    was: str
    now: str
    question: str
    make: Callable[[Contract], str | None]
    """Changes the documents; a new text of the ``.proto`` file is returned."""


def twelve_proposals(served: Contract) -> Proposals:
    """The changes with what each does to clients, found by comparing real documents.

    Args:
        served: what clients were told; see `served_contract`.

    Raises:
        KeyError: it is not the contract of this version of the server.
    """
    return Proposals(
        (number, _judged(served, draft)) for number, draft in enumerate(_DRAFTS, start=1)
    )


def _judged(served: Contract, draft: _Draft) -> Proposal:
    changed = served.copy()
    proto = draft.make(changed)
    found = (
        *compared(served.openapi, changed.openapi),
        *compared(served.asyncapi, changed.asyncapi),
        *compared(served.proto, served.proto if proto is None else proto),
    )
    verdict = worst(found)
    why = next((one.why for one in found if one.verdict is verdict), _NOT_IN_ANY_SCHEMA)
    return Proposal(
        draft.where, draft.was, draft.now, verdict or Verdict.BEHAVIOUR, why, draft.question
    )


def _schema(told: Contract, name: str) -> dict[str, Any]:
    found: dict[str, Any] = told.openapi["components"]["schemas"][name]
    return found


def _operation(told: Contract, path: str) -> dict[str, Any]:
    found: dict[str, Any] = told.openapi["paths"][path]["post"]
    return found


def _speech(told: Contract) -> dict[str, Any]:
    body = _operation(told, _SYNTHESIZE)["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = body["schema"]["properties"]
    return found


def _optional_parameter(told: Contract) -> None:
    parameter = {"name": "language", "in": "query", "schema": {"type": "string"}}
    _operation(told, _TRANSCRIBE)["parameters"].append(parameter)


def _new_field(told: Contract) -> None:
    transcript = _schema(told, "Transcript")
    transcript["properties"]["language"] = {"type": "string"}
    transcript["required"].append("language")


def _field_may_be_missing(told: Contract) -> None:
    _schema(told, "Transcript")["required"].remove("device")


def _shorter_texts(told: Contract) -> None:
    _speech(told)["text"]["maxLength"] = 2_000


def _more_formats(told: Contract) -> None:
    _schema(told, "TextFormat")["enum"].append("ttml")


def _more_states(told: Contract) -> None:
    _schema(told, "OperationState")["enum"].append("EXPIRED")


def _other_default(told: Contract) -> None:
    _speech(told)["format"]["default"] = "opus"


def _confidence_may_be_null(told: Contract) -> None:
    _schema(told, "Word")["properties"]["confidence"] = {
        "anyOf": [{"type": "number"}, {"type": "null"}]
    }


def _times_from_elsewhere(told: Contract) -> None:
    word = _schema(told, "Word")["properties"]
    word["start_s"]["description"] = "counts from its segment's beginning"


def _more_messages(told: Contract) -> None:
    new = {
        "name": "speaker_changed",
        "payload": {
            "type": "object",
            "properties": {"type": {"const": "speaker_changed"}, "at_s": {"type": "number"}},
            "required": ["type", "at_s"],
        },
    }
    told.asyncapi["channels"]["stream"]["messages"]["SpeakerChanged"] = new
    said_by_server = next(
        operation
        for operation in told.asyncapi["operations"].values()
        if operation["channel"]["$ref"] == "#/channels/stream" and operation["action"] == "send"
    )
    said_by_server["messages"].append({"$ref": "#/channels/stream/messages/SpeakerChanged"})


def _other_number(told: Contract) -> str:
    return told.proto.replace("string text = 8;", "string text = 14;")


def _other_speeds(told: Contract) -> None:
    _speech(told)["speed"] |= {"minimum": 0.25, "maximum": 4.0}


_DRAFTS = (
    _Draft(
        f"POST {_TRANSCRIBE}, query",
        "no language",
        "language, which may be left out",
        "is a request of today still taken, and taken to mean the same?",
        _optional_parameter,
    ),
    _Draft(
        f"POST {_TRANSCRIBE}, answer",
        "device always there",
        "device where it is known",
        "what does a client read that relies on it?",
        _field_may_be_missing,
    ),
    _Draft(
        "GET /v1/operations/…, answer",
        "state: RECEIVING … CANCELLED",
        "EXPIRED besides",
        "what does a client do that has a branch for each state?",
        _more_states,
    ),
    _Draft(
        f"POST {_SYNTHESIZE}, body",
        "text: up to 5,000 characters",
        "up to 2,000",
        "is every request of today still taken?",
        _shorter_texts,
    ),
    _Draft(
        f"POST {_TRANSCRIBE}, answer",
        "no language",
        "language, always there",
        "what does a client do with a field that it does not know?",
        _new_field,
    ),
    _Draft(
        f"POST {_SYNTHESIZE}, body",
        "format: wav if not said",
        "format: opus if not said",
        "what does the same request bring tomorrow?",
        _other_default,
    ),
    _Draft(
        "/v1/stream over gRPC, interim",
        "string text = 8",
        "string text = 14",
        "by what do protobuf's bytes know a field?",
        _other_number,
    ),
    _Draft(
        f"POST {_SYNTHESIZE}, body",
        "speed: 0.5 to 2",
        "speed: 0.25 to 4",
        "is every request of today still taken?",
        _other_speeds,
    ),
    _Draft(
        f"POST {_TRANSCRIBE}, words of the answer",
        "start_s: from the recording's beginning",
        "start_s: from the segment's beginning",
        "would any validator notice, and would any client?",
        _times_from_elsewhere,
    ),
    _Draft(
        "GET /v1/transcriptions/…, query",
        "format: json, text, srt or vtt",
        "ttml besides",
        "who has to know the new value: who asks, or who is asked?",
        _more_formats,
    ),
    _Draft(
        f"POST {_TRANSCRIBE}, words of the answer",
        "confidence: a number",
        "confidence: a number, or null",
        "what does a client's comparison with 0.5 do?",
        _confidence_may_be_null,
    ),
    _Draft(
        "/v1/stream over WebSocket, messages of the server",
        "interim, final, usage, …",
        "speaker_changed besides",
        "what does a client do with a message that it does not know?",
        _more_messages,
    ),
)
