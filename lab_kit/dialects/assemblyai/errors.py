"""Our errors in AssemblyAI's words: a status, and a text under ``error``.

The texts of a wrong key, an unknown upload and an unknown transcript are the provider's own, which
programs look for; the last comes with 400, and not with the 404 of the published schema, which has
no 409 either. All others say what ours say.
"""

from dataclasses import dataclass

from lab_kit.core.errors import (
    LabError,
    OperationNotFound,
    OperationPending,
    RedactedAudioNotFound,
    Unauthenticated,
    UploadNotFound,
)

_OWN: dict[type[LabError], tuple[int, str | None]] = {
    Unauthenticated: (401, "Authentication error, API token missing/invalid"),
    OperationNotFound: (400, "Transcript lookup error, transcript id not found"),
    UploadNotFound: (403, "Cannot access uploaded file"),
    OperationPending: (400, None),
    RedactedAudioNotFound: (400, None),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, str]


def refusal(error: LabError) -> Refusal:
    """How a request is refused."""
    status, text = _OWN.get(type(error), (error.http_status, None))
    return Refusal(status, {"error": text or str(error)})
