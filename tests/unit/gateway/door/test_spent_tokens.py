"""Tokens that streams were opened with: each once, and no key may fill the place for all."""

import time
from dataclasses import replace

import pytest

from lab_kit.access.api_keys import Scope
from lab_kit.access.tokens import Claims
from lab_kit.core.errors import QuotaExceeded, Unauthenticated
from lab_kit.gateway.door.access_tokens import MOST_OF_ONE, AccessTokens
from lab_kit.gateway.door.token_keys import TokenKeys
from lab_kit.gateway.state.database import Database

SOON_S = int(time.time()) + 600


def tokens() -> AccessTokens:
    return AccessTokens(TokenKeys(Database(lambda: None, ()), bytes), 600.0)  # type: ignore[arg-type, return-value]


def claims(number: int, key_id: str = "sk_live_a", expires_s: int = SOON_S) -> Claims:
    return Claims(key_id, "acme", Scope(), f"{key_id} {number}", 0, expires_s)


def test_a_token_is_spent_once() -> None:
    spent = tokens()
    spent.spend(claims(1))
    with pytest.raises(Unauthenticated, match="opened with before"):
        spent.spend(claims(1))
    spent.spend(claims(2))


def test_one_key_cannot_fill_the_place_of_all() -> None:
    spent = tokens()
    for number in range(MOST_OF_ONE):
        spent.spend(claims(number))
    with pytest.raises(QuotaExceeded, match="sk_live_a"):
        spent.spend(claims(MOST_OF_ONE))
    spent.spend(claims(1, "sk_live_b"))


def test_what_has_expired_counts_no_more() -> None:
    spent = tokens()
    for number in range(MOST_OF_ONE):
        spent.spend(replace(claims(number), expires_s=1))
    spent.spend(claims(MOST_OF_ONE))
