"""The pepper: what digests of API keys are made with, kept apart from them."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from lab_kit.access.api_keys import PEPPER_BYTES
from lab_kit.core.errors import InvalidParameter, StateUnusable

PEPPER_VARIABLE = "LAB_KEY_PEPPER"
_FILE = "key-pepper"


def pepper(environ: Mapping[str, str]) -> bytes:
    """From the environment, else from a file among the user's data, made when it is first needed.

    Raises:
        InvalidParameter: the variable is set to something else.
        StateUnusable: the file cannot be read or made.
    """
    told = environ.get(PEPPER_VARIABLE)
    if told:
        return _read(told, PEPPER_VARIABLE)
    path = user_data_path("lab_kit") / _FILE
    try:
        return _read(_kept(path), str(path))
    except OSError as error:
        raise StateUnusable(
            f"{path}: {error}",
            "a file that holds the pepper of API keys",
            f"make it readable, or set {PEPPER_VARIABLE}",
        ) from error


def short_lived() -> bytes:
    """One for keys that nobody keeps."""
    return secrets.token_bytes(PEPPER_BYTES)


def _kept(path: Path) -> str:
    """What the file holds; of two that make it at once the first one's is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # nobody else may read it, from its first moment on
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    text = secrets.token_hex(PEPPER_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return text


def _read(text: str, where: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != PEPPER_BYTES:
        raise InvalidParameter(
            f"a pepper in {where} that is not {2 * PEPPER_BYTES} hexadecimal digits",
            "what openssl rand -hex 32 prints",
            "put that there; keys that were made with another pepper are not valid with it",
        )
    return found
