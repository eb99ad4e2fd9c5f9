"""The step from loaded to ready: a model counts as loaded once it has answered."""

from collections.abc import Callable

import numpy as np

from lab_kit.core.errors import LabError, VersionFailed
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.models.store.version import VersionFiles

WARM_UP_TIMEOUT_S = 60.0
"""A second of silence takes milliseconds; compiling a graph for it can take many seconds."""


def open_warm(
    open_recognizer: Callable[[VersionFiles], Recognizer], files: VersionFiles
) -> Recognizer:
    """Open a version and have it answer once, the way callers will ask; or leave nothing open.

    Raises:
        Exception: whatever its runtime raises at weights that it cannot use.
    """
    recognizer = open_recognizer(files)
    try:
        silence = DecodeRequest(np.zeros(SAMPLE_RATE_HZ, np.float32), Priority.FINAL)
        recognizer.engine.submit(silence).future.result(WARM_UP_TIMEOUT_S)
    except BaseException:
        recognizer.stop()
        raise
    return recognizer


def version_failure(number: int, error: BaseException) -> VersionFailed:
    """Why a version cannot be served, in our own words where there are some."""
    what = f"version {number} cannot be served: "
    if isinstance(error, LabError):
        return VersionFailed(what + error.received, error.expected, error.next_step)
    return VersionFailed(
        f"{what}{type(error).__name__}: {error}",
        "a version that loads and answers",
        "publish a good copy and load that",
    )
