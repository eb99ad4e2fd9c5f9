"""An answer of our own API, read as what it should be."""

import pytest

from lab_kit.client.requests import read_as
from lab_kit.core.errors import InvalidMessage
from lab_kit.protocol.health import Alive
from lab_kit.protocol.versions import LabelMove, VersionState, VersionStatus

STATUS = (
    b'{"number": 2, "state": "ready", "labels": ["canary"], "share": 0.1, "reason": "",'
    b' "settings": {}, "published": "", "in_flight": 3}'
)


def test_an_answer_is_the_record_that_the_server_made_it_of() -> None:
    status = read_as(VersionStatus, STATUS)
    assert status == VersionStatus(2, VersionState.READY, ("canary",), 0.1, "", {}, "", 3)


def test_what_a_newer_server_adds_is_passed_over() -> None:
    alive = read_as(Alive, b'{"received_ns": 1, "sent_ns": 2, "status": "ok", "region": "eu"}')
    assert alive == Alive("ok", 1, 2)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (STATUS.replace(b"2", b'"two"', 1), "number"),
        (STATUS.replace(b"ready", b"asleep"), "state"),
        (b"{}", "number"),
        (b"<html>busy</html>", "the body"),
        (b"", "the body"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body: bytes, place: str) -> None:
    with pytest.raises(InvalidMessage, match=f"{place}: .*VersionStatus"):
        read_as(VersionStatus, body)


def test_a_body_with_fields_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="stage"):
        read_as(LabelMove, b'{"version": 2, "stage": 1}')
