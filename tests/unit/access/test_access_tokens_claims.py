"""What an access token has to say, and which one may take another's place."""

from dataclasses import replace
from typing import Any

import pytest

from lab_kit.access.api_keys import Feature, Scope
from lab_kit.access.tokens import KIND, Claims, looks_like_one
from lab_kit.core.errors import Unauthenticated

NOW_S = 1_000_000
CLAIMS = Claims("sk_live_a", "acme", Scope.of(["streams"]), "one", NOW_S, NOW_S + 600, "thumb")


def test_what_was_written_is_read() -> None:
    assert Claims.read(KIND, CLAIMS.written("lab"), "lab", NOW_S) == CLAIMS
    free = replace(CLAIMS, certificate=None)
    assert "cnf" not in free.written("lab")
    assert Claims.read(KIND, free.written("lab"), "lab", NOW_S) == free


@pytest.mark.parametrize(
    ("changed", "now_s"),
    [
        ({"iss": "else"}, NOW_S),
        ({"aud": "else"}, NOW_S),
        ({"aud": ["lab"]}, NOW_S),
        ({"sub": None}, NOW_S),
        ({"jti": 7}, NOW_S),
        ({"exp": "soon"}, NOW_S),
        ({"exp": True}, NOW_S),
        ({"iat": NOW_S + 60}, NOW_S),
        ({"scope": "everything"}, NOW_S),
        ({"cnf": {"jkt": "x"}}, NOW_S),
        ({"cnf": "x"}, NOW_S),
        ({}, NOW_S + 600),
    ],
)
def test_what_says_anything_else_lets_nobody_in(changed: dict[str, Any], now_s: float) -> None:
    with pytest.raises(Unauthenticated):
        Claims.read(KIND, {**CLAIMS.written("lab"), **changed}, "lab", now_s)


@pytest.mark.parametrize("kind", ["JWT", None, "at+JWT"])
def test_another_kind_of_token_lets_nobody_in(kind: str | None) -> None:
    with pytest.raises(Unauthenticated, match="no access token"):
        Claims.read(kind, CLAIMS.written("lab"), "lab", NOW_S)


def test_a_bound_token_is_worth_nothing_without_its_certificate() -> None:
    CLAIMS.check_shown_by("thumb")
    for certificate in (None, "other"):
        with pytest.raises(Unauthenticated, match="bound"):
            CLAIMS.check_shown_by(certificate)
    replace(CLAIMS, certificate=None).check_shown_by("any")


@pytest.mark.parametrize(
    "later",
    [
        replace(CLAIMS, expires_s=NOW_S + 601, key_id="sk_live_b"),
        replace(CLAIMS, expires_s=NOW_S + 601, tenant="rival"),
        replace(CLAIMS, expires_s=NOW_S + 601, certificate=None),
        replace(CLAIMS, expires_s=NOW_S + 601, scope=Scope()),
        replace(CLAIMS, expires_s=NOW_S + 601, scope=Scope.of(["streams", "speech"])),
        replace(CLAIMS, token_id="two"),
    ],
)
def test_only_the_same_clients_later_token_takes_its_place(later: Claims) -> None:
    with pytest.raises(Unauthenticated):
        later.check_follows(CLAIMS)
    replace(CLAIMS, token_id="two", expires_s=NOW_S + 601).check_follows(CLAIMS)


@pytest.mark.parametrize(
    ("inner", "outer", "is_within"),
    [
        ([], [], True),
        (["streams"], [], True),
        ([], ["streams"], False),
        (["streams"], ["streams", "speech"], True),
        (["streams", "model:a"], ["streams"], True),
        (["streams"], ["streams", "model:a"], False),
        (["model:b"], ["model:a"], False),
    ],
)
def test_a_scope_is_within_another(inner: list[str], outer: list[str], is_within: bool) -> None:
    assert Scope.of(inner).is_within(Scope.of(outer)) is is_within


def test_what_a_token_is_for() -> None:
    assert CLAIMS.allows(Feature.STREAMS, "any")
    assert not CLAIMS.allows(Feature.SPEECH, "any")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("eyJa.b.c", True),
        ("sk_live_a.b.c", False),
        ("eyJa.b", False),
        ("eyJ." + "a" * 5_000, False),
    ],
)
def test_a_token_is_told_from_a_key_by_how_it_is_written(text: str, is_one: bool) -> None:
    assert looks_like_one(text) is is_one
