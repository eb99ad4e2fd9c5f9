"""Who may come in: a caller with the caller's key, an operator with the operator's."""

import re
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from lab_kit.core.errors import InvalidParameter, OperatorLocked, Unauthenticated
from lab_kit.core.ids import TenantId

KEY_VARIABLE = "LAB_SERVER_KEY"
OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"
_KEY = re.compile(r"[!-~]+")
ANYBODY, KEY_HOLDER, OPERATOR = TenantId("anybody"), TenantId("key-holder"), TenantId("operator")
"""With one key there is one tenant, and with none everybody is the same one."""


class Role(StrEnum):
    """What a way in asks of those who call."""

    CALLER = "caller"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as their key says."""

    tenant: TenantId
    role: Role


@dataclass(slots=True)
class Keys:
    """The server's keys.

    Attributes:
        caller: the only key that is accepted from callers; None accepts any, and none.
        operator: the only key that moves versions; None lets nobody.

    Raises:
        InvalidParameter: a key that no client could send.
    """

    caller: str | None = None
    operator: str | None = None

    def __post_init__(self) -> None:
        for whose, key in (("caller", self.caller), ("operator", self.operator)):
            if key is not None and not _KEY.fullmatch(key):
                received = "empty" if not key else "not all visible ASCII without spaces"
                raise InvalidParameter(
                    f"a key for the {whose} that is {received}",
                    "letters, digits and signs, as they fit into a header",
                    "pass such a key, or leave it out for none",
                )

    def authenticate(self, credential: str | None, role: Role) -> Principal:
        """Who calls, by the key that is offered; the operator's key and the caller's are two.

        Args:
            credential: the key, with any scheme before it.

        Raises:
            Unauthenticated: a key is set and this is not it.
            OperatorLocked: the server was given no operator's key, so that nobody has it.
        """
        if role is Role.OPERATOR:
            if self.operator is None:
                raise OperatorLocked(
                    "the operator's API, which is locked",
                    "a server that was started with an operator's key",
                    f"set {OPERATOR_KEY_VARIABLE}, or pass --operator-key, and start it again",
                )
            _require(self.operator, credential or "")
            return Principal(OPERATOR, role)
        if self.caller is None:
            return Principal(ANYBODY, role)
        _require(self.caller, credential or "")
        return Principal(KEY_HOLDER, role)


def _require(key: str, offered: str) -> None:
    """Compare with the last word that was offered, whatever scheme stands before it."""
    given = offered.split()[-1] if offered.split() else ""
    if not compare_digest(given.encode(), key.encode()):
        raise Unauthenticated(
            "no key" if not given else "a key that is not valid here",
            "Authorization: Token KEY",
            "ask whoever started the server for its key",
        )
