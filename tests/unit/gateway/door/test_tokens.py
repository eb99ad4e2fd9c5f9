"""Temporary tokens: for one use, for a while, for whoever has the key, and not without number."""

import pytest

from lab_kit.core.errors import QuotaExceeded, SystemOverloaded, Unauthenticated
from lab_kit.gateway.door import tokens
from lab_kit.gateway.door.tokens import Tokens


def test_a_token_stands_for_its_key_whatever_scheme_it_is_shown_with() -> None:
    made = Tokens()
    text = made.make("Bearer the-key", "somebody", 60, 90)
    for shown in (text, f"Bearer {text}", f"Token  {text} "):
        token = made.of(shown)
        assert token is not None
        assert (token.key, token.session_s) == ("Bearer the-key", 90)


@pytest.mark.parametrize("shown", [None, "", " ", "the-key", "Bearer", "\ud800"])
def test_what_is_no_token_stands_for_nothing(shown: str | None) -> None:
    made = Tokens()
    made.make("the-key", "somebody", 60, None)
    assert made.of(shown) is None


def test_a_token_is_used_once_and_of_two_at_once_the_first_has_it() -> None:
    made = Tokens()
    text = made.make(None, "somebody", 60, None)
    first, second = made.of(text), made.of(text)
    assert first is not None
    assert second is not None
    made.use(text, first)
    with pytest.raises(Unauthenticated, match="a token that was used"):
        made.use(text, second)
    assert made.of(text) is None


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = [1_000_000_000]
    monkeypatch.setattr(tokens.time, "perf_counter_ns", lambda: now_ns[0])
    made = Tokens()
    text = made.make("the-key", "somebody", 60, None)
    now_ns[0] += 59_999_999_999
    assert made.of(text) is not None
    now_ns[0] += 1
    assert made.of(text) is None


def test_one_caller_has_a_share_of_them_and_expired_ones_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ns = [0]
    monkeypatch.setattr(tokens.time, "perf_counter_ns", lambda: now_ns[0])
    monkeypatch.setattr(tokens, "MOST_OF_ONE", 2)
    monkeypatch.setattr(tokens, "MOST_TOKENS", 3)
    made = Tokens()
    for _ in range(2):
        made.make("a-key", "a", 60, None)
    with pytest.raises(QuotaExceeded, match="2 tokens of this caller") as refused:
        made.make("a-key", "a", 60, None)
    assert refused.value.details == {"limit": "tokens"}
    made.make("b-key", "b", 120, None)
    with pytest.raises(SystemOverloaded, match="3 tokens"):
        made.make("c-key", "c", 60, None)
    now_ns[0] = 60_000_000_000
    made.make("c-key", "c", 60, None)
    made.make("a-key", "a", 60, None)
