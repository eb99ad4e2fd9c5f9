"""What a server is started with that is full with one request of one recording."""

import io

import soundfile

from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip

PLACES = 1
"""Requests that are held at once: on the smallest machine of this course, of two cores, the other
core is left to those who ask."""


def wav(clip: Clip) -> bytes:
    """A clip as a file whose samples are as large as those that the server makes of it.

    So a request holds as much room while it waits as when it was let in, and which of them fits is
    decided before its body is read.
    """
    file = io.BytesIO()
    soundfile.write(file, clip.samples, SAMPLE_RATE_HZ, format="WAV", subtype="FLOAT")
    return file.getvalue()


def limits_for(sound: bytes) -> dict[str, float]:
    """Limits by which `PLACES` requests with that body fit, and one operation of a caller.

    One caller may hold half of what all may, and the lab's clients are one caller.
    """
    room_bytes = PLACES * len(sound)
    return {"upload_bytes": room_bytes, "held_bytes": 2 * room_bytes, "operations_of_one": 1}
