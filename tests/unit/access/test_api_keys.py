"""A key's form, what is kept of it, and when it lets anybody in."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_kit.access.api_keys import (
    Environment,
    Feature,
    KeyRecord,
    Scope,
    Standing,
    digest,
    id_of,
    is_wellformed,
    pepper_id,
    written,
)
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId

SECRETS = st.binary(min_size=32, max_size=32)
PEPPER = bytes(range(32))
LETTERS = string.ascii_letters + string.digits


@given(SECRETS, st.sampled_from(Environment))
def test_a_key_is_written_in_one_length_and_is_wellformed(
    secret: bytes, environment: Environment
) -> None:
    key = written(environment, secret)
    assert len(key) == 57
    assert key.startswith(f"sk_{environment}_")
    assert is_wellformed(key)
    assert id_of(key) == key[:16]


@given(SECRETS, SECRETS)
def test_two_secrets_make_two_keys(one: bytes, other: bytes) -> None:
    keys = {written(Environment.LIVE, one), written(Environment.LIVE, other)}
    assert len(keys) == len({one, other})


@given(SECRETS, st.integers(0, 56), st.sampled_from(LETTERS))
def test_no_typing_error_of_one_character_goes_unseen(
    secret: bytes, place: int, letter: str
) -> None:
    key = written(Environment.LIVE, secret)
    mistyped = key[:place] + letter + key[place + 1 :]
    assert is_wellformed(mistyped) == (mistyped == key)


@given(SECRETS, st.integers(8, 55))
def test_nor_do_two_that_changed_places(secret: bytes, place: int) -> None:
    key = written(Environment.TEST, secret)
    mistyped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_wellformed(mistyped) == (mistyped == key)


@pytest.mark.parametrize("text", ["", "sk_live_", "sk_prod_" + "0" * 49, "x" * 57, "é" * 57])
def test_what_is_no_key_is_not_wellformed(text: str) -> None:
    assert not is_wellformed(text)


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        written(Environment.LIVE, bytes(31))


def test_what_is_kept_depends_on_the_pepper_and_tells_nothing_of_the_key() -> None:
    key = written(Environment.LIVE, bytes(32))
    kept = digest(key, PEPPER)
    assert len(kept) == 32
    assert kept != digest(key, bytes(32))
    assert kept != digest(written(Environment.TEST, bytes(32)), PEPPER)
    assert pepper_id(PEPPER) != pepper_id(bytes(32))


def test_what_no_header_could_hold_has_a_digest_too() -> None:
    assert digest("\ud800", PEPPER) != digest("?", PEPPER)
    assert not is_wellformed("\ud800" * 57)


def record(**changes: object) -> KeyRecord:
    given = {
        "id": "sk_live_00000000",
        "tenant": TenantId("acme"),
        "environment": Environment.LIVE,
        "scope": Scope(),
        "digest": b"",
        "pepper": "",
        "made_s": 100.0,
        "not_before_s": 100.0,
        **changes,
    }
    return KeyRecord(**given)  # type: ignore[arg-type]


def test_a_key_is_valid_from_its_first_moment_to_the_last_before_its_end() -> None:
    key = record(not_before_s=200.0, expires_s=300.0)
    for now_s, expected in (
        (199.9, Standing.NOT_YET),
        (200.0, Standing.VALID),
        (299.9, Standing.VALID),
        (300.0, Standing.EXPIRED),
    ):
        assert key.standing(now_s) is expected


def test_what_is_revoked_stays_so_whatever_else_holds() -> None:
    key = record(expires_s=300.0).revoked(150.0)
    assert key.standing(149.9) is Standing.VALID
    assert key.standing(150.0) is Standing.REVOKED
    assert key.standing(400.0) is Standing.REVOKED
    assert key.revoked(200.0).revoked_s == 150.0


def test_a_rotated_key_ends_no_later_than_it_would_have() -> None:
    assert record().ending(500.0).expires_s == 500.0
    assert record(expires_s=400.0).ending(500.0).expires_s == 400.0


@pytest.mark.parametrize(
    ("words", "feature", "model", "allowed"),
    [
        ((), Feature.SPEECH, "any", True),
        (("streams",), Feature.STREAMS, "any", True),
        (("streams",), Feature.RECORDINGS, "any", False),
        (("model:tiny",), Feature.RECORDINGS, "tiny", True),
        (("model:tiny",), Feature.RECORDINGS, "base", False),
        (("streams", "model:tiny"), Feature.STREAMS, "base", False),
        (("streams", "recordings", "model:tiny", "model:base"), Feature.STREAMS, "base", True),
    ],
)
def test_a_scope_allows_what_it_names_and_all_where_it_names_nothing(
    words: tuple[str, ...], feature: Feature, model: str, allowed: bool
) -> None:
    scope = Scope.of(words)
    assert scope.allows(feature, model) is allowed
    assert Scope.of(scope.words) == scope


@pytest.mark.parametrize(
    "word", ["", "model:", "everything", "Streams", "model", "model:a b", "model:" + "x" * 101]
)
def test_a_word_that_is_no_scope_is_told_what_there_is(word: str) -> None:
    with pytest.raises(InvalidParameter, match="streams, recordings, speech, inference"):
        Scope.of([word])
