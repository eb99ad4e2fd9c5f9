"""What commands have in common: numbers in arguments, files, messages, and a server to talk to."""

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.core.errors import InvalidParameter

if TYPE_CHECKING:
    from lab_kit.client import Operator

_MOST_DIGITS = 6


def amount(text: str) -> float:
    """An argument that is a number above 0."""
    amount = amount_or_none(text)
    if not amount:
        raise argparse.ArgumentTypeError(f"{text}: a number above 0 is expected")
    return amount


def amount_or_none(text: str) -> float:
    """An argument that is 0 or more."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 is expected")
    return amount


def count(text: str) -> int:
    """An argument that is a whole number above 0."""
    if not (text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text}: a whole number above 0 is expected")
    return int(text)


def share(text: str) -> float:
    """An argument that is a part of a whole."""
    part = amount_or_none(text)
    if part >= 1:
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 and below 1 is expected")
    return part


@contextmanager
def server(url: str | None, key: str | None) -> Iterator[str]:
    """The given server's address, or that of one that lives as long as the block."""
    if url is not None:
        yield url
        return
    from lab_kit.bench import Bench

    bench = Bench.start(key)
    try:
        yield bench.url
    finally:
        bench.stop()


def operator_at(url: str, key: str | None) -> "Operator":
    """The client of a server's operator.

    Args:
        key: None for that of the environment.

    Raises:
        InvalidParameter: there is none.
    """
    from lab_kit import client

    found = key or os.environ.get("LAB_OPERATOR_KEY")
    if not found:
        raise InvalidParameter(
            "no operator's key",
            "--operator-key, or LAB_OPERATOR_KEY",
            "use the one that the server was started with",
        )
    return client.Operator(url, found)


def warn(sentence: str) -> None:
    """Say something beside a command's output."""
    print(f"lab: {sentence}", file=sys.stderr)


def read(file: Path) -> bytes:
    """A file's bytes.

    Raises:
        InvalidParameter: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: OSError) -> InvalidParameter:
    """The error for a recording that cannot be read."""
    return InvalidParameter(
        f"{file} cannot be read ({error.strerror})",
        "a recording",
        "name a WAV, FLAC or OGG/Opus file that you may read",
    )


def write(file: Path, text: str) -> None:
    """Write a file, and say so.

    Raises:
        InvalidParameter: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(file, error) from error
    print(f"wrote {file}")


def unwritable(file: Path, error: OSError) -> InvalidParameter:
    """The error for a file that cannot be written."""
    return InvalidParameter(
        f"{file} cannot be written ({error.strerror})",
        "a file you may write",
        "name a file in a folder that exists and that you may write to",
    )
