"""The server that an operator's command is about: where it is, and the key that it asks for."""

import argparse
import os
from typing import TYPE_CHECKING

from lab_kit.core.errors import InvalidParameter

if TYPE_CHECKING:
    from pydantic import ValidationError

    from lab_kit.client import Operator


def add_server(command: argparse.ArgumentParser) -> None:
    """The arguments that name it."""
    command.add_argument("--url", help="a running server")
    command.add_argument("--operator-key", help="the operator's key (default: LAB_OPERATOR_KEY)")


def operator(options: argparse.Namespace, instead: str = "name a running server") -> "Operator":
    """The client of the server that was named.

    Args:
        instead: what to do where none is.

    Raises:
        InvalidParameter: none was, or no key.
    """
    from lab_kit import client

    key = options.operator_key or os.environ.get("LAB_OPERATOR_KEY")
    if options.url is None or not key:
        raise InvalidParameter(
            "no server" if options.url is None else "no operator's key",
            "--url and --operator-key, or LAB_OPERATOR_KEY",
            instead,
        )
    return client.Operator(options.url, key)


def refused(error: "ValidationError") -> InvalidParameter:
    """A value that nothing here can have, in words."""
    first = error.errors(include_url=False)[0]
    name = " ".join(map(str, first["loc"]))
    return InvalidParameter(f"{name}: {first['msg']}", "a value that fits", "change that option")
