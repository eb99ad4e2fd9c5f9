"""Whose key is taken, and from where."""

import pytest

from lab_kit.core.errors import InvalidParameter, Unauthenticated
from lab_kit.gateway.door.keys import Keys


@pytest.mark.parametrize(
    ("authorization", "subprotocols"),
    [
        ("Token sesame", []),
        ("bearer sesame", []),
        ("sesame", []),
        (None, ["token", "sesame"]),
        (None, ["bearer", "sesame"]),
    ],
)
def test_the_key_is_taken_from_where_clients_put_it(
    authorization: str | None, subprotocols: list[str]
) -> None:
    Keys("sesame").check_caller(authorization, subprotocols)


@pytest.mark.parametrize(
    ("authorization", "subprotocols"),
    [
        (None, []),
        ("", []),
        ("Token", []),
        ("Token Sesame", []),
        ("Token other", ["token", "sesame"]),
        (None, ["token"]),
        (None, ["token", "other", "sesame"]),
        ("Token sésame", []),
    ],
)
def test_any_other_key_is_refused(authorization: str | None, subprotocols: list[str]) -> None:
    with pytest.raises(Unauthenticated, match="Authorization: Token KEY"):
        Keys("sesame").check_caller(authorization, subprotocols)
    Keys().check_caller(authorization, subprotocols)  # a server without a key takes any


@pytest.mark.parametrize("key", ["", " ", "a b", " padded ", "clé", "tab\there", "new\nline"])
def test_a_key_that_no_client_could_send_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(InvalidParameter, match="a key for the caller"):
        Keys(key)
    with pytest.raises(InvalidParameter, match="a key for the operator"):
        Keys("right", key)
