"""Whose key is taken, and from where."""

import pytest

from lab_kit.core.errors import InvalidParameter, OperatorLocked, Unauthenticated
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.keys import Keys, Principal, Role


@pytest.mark.parametrize(
    "credential", ["Token sesame", "bearer sesame", "sesame", "token sesame", " sesame "]
)
def test_the_key_counts_whatever_scheme_stands_before_it(credential: str) -> None:
    principal = Keys("sesame").authenticate(credential, Role.CALLER)
    assert principal == Principal(TenantId("key-holder"), Role.CALLER)


@pytest.mark.parametrize(
    "credential", [None, "", "Token", "Token Sesame", "sesame other", "Token sésame"]
)
def test_any_other_key_is_refused(credential: str | None) -> None:
    with pytest.raises(Unauthenticated, match="Authorization: Token KEY"):
        Keys("sesame").authenticate(credential, Role.CALLER)
    with pytest.raises(Unauthenticated):
        Keys(None, "sesame").authenticate(credential, Role.OPERATOR)
    # a server without a key takes any, and nobody as its operator
    assert Keys().authenticate(credential, Role.CALLER).tenant == TenantId("anybody")
    with pytest.raises(OperatorLocked):
        Keys("sesame").authenticate("Token sesame", Role.OPERATOR)


@pytest.mark.parametrize("key", ["", " ", "a b", " padded ", "clé", "tab\there", "new\nline"])
def test_a_key_that_no_client_could_send_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(InvalidParameter, match="a key for the caller"):
        Keys(key)
    with pytest.raises(InvalidParameter, match="a key for the operator"):
        Keys("right", key)


def test_a_key_that_no_header_could_hold_is_refused_as_any_other() -> None:
    with pytest.raises(Unauthenticated):
        Keys("right").authenticate("\ud800", Role.CALLER)
