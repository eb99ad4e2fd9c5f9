"""A token is read as anybody can read it; what it opens is told by what was refused."""

import base64
import json

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import access
from lab_kit.experiments.access import Found, Opens, Tried, Way


def coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_each_claim_has_its_meaning_and_moments_are_told_as_such() -> None:
    header, claims = {"alg": "none", "typ": "at+jwt"}, {"exp": 3_600, "scope": "", "own": "x"}
    table = access.claims_table(f"{coded(header)}.{coded(claims)}.")
    told = {row[1]: row for row in table.rows}
    assert told["alg"] == ("header", "alg", "none", "how it is signed")
    assert told["exp"][2] == "01:00:00 UTC (3600)"
    assert told["scope"][3] == "what it is for; empty for everything"
    assert told["own"] == ("claims", "own", "x", "")


@pytest.mark.parametrize("token", ["", "sk_live_abc", "eyJ.eyJ.x", f"{coded([1])}.{coded({})}."])
def test_what_is_no_token_is_told_as_such(token: str) -> None:
    with pytest.raises(InvalidParameter, match="no JWT"):
        access.claims_table(token)


@pytest.mark.parametrize(
    ("opened", "opens"),
    [
        ((), Opens.NOTHING),
        ((Way.RECORDING,), Opens.RECORDINGS),
        ((Way.RECORDING, Way.SPEECH), Opens.RECORDINGS),
        ((Way.GRPC,), Opens.STREAMS),
        (tuple(Way), Opens.EVERYTHING),
        ((Way.RECORDING, Way.WEBSOCKET, Way.SPEECH), Opens.EVERYTHING),
    ],
)
def test_what_it_opens_is_one_word(opened: tuple[Way, ...], opens: Opens) -> None:
    tried = Tried(Found("", "", ""), {way: "" if way in opened else f"no {way}" for way in Way})
    assert tried.opens is opens
    closed = [way for way in Way if way not in opened]
    first = Way.WEBSOCKET if Way.WEBSOCKET in closed else next(iter(closed), None)
    assert tried.said == ("" if first is None else f"no {first}")
    assert [row[1] for row in tried.table.rows].count("opened") == len(opened)


def test_a_long_credential_is_shown_by_its_ends() -> None:
    assert Found("", "", "x" * 24 + "secret" + "y" * 6).shown == "x" * 24 + "…" + "y" * 6
    assert Found("", "", "sk_live_abcdefgh").shown == "sk_live_abcdefgh"
