"""What readers may have tried: nothing, one call, many, some that never succeed."""

from lab_kit.experiments.contracts.first_call import Attempt, Attempts

POST = "POST /v1/audio:transcribe"


def tried(*calls: tuple[float, int], waited_s: float) -> Attempts:
    """Calls by when and with what status they were answered."""
    return Attempts(
        waited_s,
        tuple(Attempt(at_s, POST, status, status < 300, status >= 400) for at_s, status in calls),
    )


USUAL = tried((41.0, 401), (75.5, 415), (140.2, 400), (312.0, 200), (330.0, 200), waited_s=340.0)
FIRST_CALLS = {
    "usual": (USUAL, 4.0),
    "at once": (tried((3.2, 200), waited_s=5.0), 30.0),
    "never": (tried((20.0, 401), (21.0, 401), waited_s=600.0), 5.0),
    "nothing yet": (tried(waited_s=2.0), None),
    "many": (tried(*((n * 1.5, 400) for n in range(200)), (400.0, 200), waited_s=401.0), 6.6),
    "guessed right": (tried((60.0, 200), waited_s=61.0), 1.0),
    "hours": (tried((9_000.0, 200), waited_s=9_001.0), 0.5),
}
"""With the minutes that were guessed."""
