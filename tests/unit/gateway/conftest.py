"""What all tests of the gateway have in common."""

import pytest


@pytest.fixture(autouse=True)
def subject_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that keep their state keep no key among the data of whoever tests."""
    monkeypatch.setenv("LAB_SUBJECT_KEY", "55" * 32)
