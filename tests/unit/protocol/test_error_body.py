"""An error that crosses the wire is the same error on the other side, field by field."""

import pytest
from pydantic import ValidationError

from lab_kit.core import errors
from lab_kit.core.errors import Code, LabError, SystemOverloaded, VersionConflict
from lab_kit.core.ids import RequestId
from lab_kit.protocol.error_body import ErrorEnvelope

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LabError)
]
HARD = "a; sentence; with; semicolons"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_comes_back_as_itself(kind: type[LabError]) -> None:
    sent = ErrorEnvelope.of(kind(HARD, "b; c", "d; e"), RequestId.new())
    told = ErrorEnvelope.model_validate_json(sent.model_dump_json()).raised()
    assert type(told) is kind
    assert (told.received, told.expected, told.next_step) == (HARD, "b; c", "d; e")
    assert told.retryable is kind.retryable


def test_no_two_kinds_have_one_reason_and_all_have_a_canonical_code() -> None:
    assert len({kind.reason for kind in KINDS}) == len(KINDS)
    assert all(kind.code in Code for kind in KINDS)
    assert len(Code) == 16


def test_when_to_come_back_and_details_are_kept() -> None:
    request_id = RequestId.new()
    error = SystemOverloaded("full", "room", "wait", 2.5, {"class": "batch"})
    body = ErrorEnvelope.of(error, request_id).json_body()["error"]
    assert body["retry_after_s"] == 2.5
    assert body["request_id"] == str(request_id)
    told = ErrorEnvelope.model_validate({"error": body}).raised()
    assert told is not None
    assert (told.retry_after_s, told.details) == (2.5, {"class": "batch"})


def test_a_kind_that_is_not_known_here_is_not_guessed() -> None:
    body = ErrorEnvelope.of(VersionConflict("a", "b", "c"), None).json_body()
    body["error"]["reason"] = "OF_A_LATER_VERSION"
    assert ErrorEnvelope.model_validate(body).raised() is None


def test_another_servers_error_is_none_of_ours() -> None:
    with pytest.raises(ValidationError):
        ErrorEnvelope.model_validate({"error": {"message": "no", "code": "invalid_api_key"}})
