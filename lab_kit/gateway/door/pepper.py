"""The pepper: what digests of API keys are made with, kept apart from them."""

import secrets

from lab_kit.access.api_keys import PEPPER_BYTES
from lab_kit.database.secret import Secret

PEPPER_VARIABLE = "LAB_KEY_PEPPER"
PEPPER = Secret(
    "the pepper of API keys",
    PEPPER_VARIABLE,
    "key-pepper",
    PEPPER_BYTES,
    "keys that were made with another pepper are not valid with it",
)


def short_lived() -> bytes:
    """One for keys that nobody keeps."""
    return secrets.token_bytes(PEPPER_BYTES)
