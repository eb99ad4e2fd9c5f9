"""Who may come in: a caller with the caller's key, an operator with the operator's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest

from lab_kit.core.errors import InvalidParameter, OperatorLocked, Unauthenticated

KEY_VARIABLE = "LAB_SERVER_KEY"
OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"
_KEY = re.compile(r"[!-~]+")


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

    def check_caller(self, authorization: str | None, subprotocols: Sequence[str] = ()) -> None:
        """Accept a request's key.

        Args:
            authorization: the header, with any scheme; a browser, which cannot set it, offers
                the scheme and the key as two subprotocols instead.

        Raises:
            Unauthenticated: a key is set and this is not it.
        """
        if self.caller is not None:
            _require(self.caller, authorization or " ".join(subprotocols[:2]))

    def check_operator(self, authorization: str | None) -> None:
        """Accept an operator's key; a caller's key is none.

        Raises:
            OperatorLocked: the server was given no such key, so that nobody has it.
            Unauthenticated: this is not it.
        """
        if self.operator is None:
            raise OperatorLocked(
                "the operator's API, which is locked",
                "a server that was started with an operator's key",
                f"set {OPERATOR_KEY_VARIABLE}, or pass --operator-key, and start it again",
            )
        _require(self.operator, authorization or "")


def _require(key: str, offered: str) -> None:
    """Compare with the last word that was offered, whatever scheme stands before it."""
    given = offered.split()[-1] if offered.split() else ""
    if not compare_digest(given.encode(), key.encode()):
        raise Unauthenticated(
            "no key" if not given else "a key that is not valid here",
            "Authorization: Token KEY",
            "ask whoever started the server for its key",
        )
