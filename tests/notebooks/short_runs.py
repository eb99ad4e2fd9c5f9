"""A pytest plugin for nbval: where runs are short (LAB_PROFILE=ci), cells run their short lines.

    python -m pytest -p short_runs --nbval-lax labs      (with tests/notebooks and labs on the path)

They stand in the cells' metadata; see `labs/refresh_outputs.py`.
"""

import pytest
from refresh_outputs import shorten

from lab_kit.core.profile import Profile, profile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Change the sources before they run; the files stay as they are."""
    if profile() is not Profile.CI:
        return
    for item in items:
        if (cell := getattr(item, "cell", None)) is not None:
            shorten(cell)
