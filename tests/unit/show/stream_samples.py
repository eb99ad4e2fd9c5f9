"""Streams as labs record them, for the pictures of messages: usual, odd, long and empty."""

import json
from dataclasses import replace

from message_samples import HEAD, capture

from lab_kit.experiments.streams import FAULTS, Listener, LostLine, one_broken
from lab_kit.experiments.streams.lost_lines import Told
from lab_kit.protocol.judge.capture import Capture

EMPTY = Capture.read([json.dumps(HEAD)])
_REFUSED = {"at_ms": 4.0, "by": "server", "refused": {"status": "UNAUTHENTICATED"}}
REFUSED = Capture.read([json.dumps(HEAD), json.dumps(_REFUSED)])
USUAL = {"own messages": capture(), "deepgram": capture()}
CAPTURES: dict[str, dict[str, Capture]] = {
    "usual": USUAL,
    "one": {"own messages": capture()},
    "five": {f"stream {number}": capture() for number in range(5)},
    "long name": {"a dialect with a long name": capture()},
    "empty": {"own messages": EMPTY},
    "refused": {"own messages": REFUSED, "as it was": capture()},
    **{rule: {"as it was": capture(), "copy": one_broken(capture(), rule).capture}
       for rule in FAULTS},
    "all at once": {rule: one_broken(capture(), rule).capture for rule in list(FAULTS)[:4]},
}  # fmt: skip

SAID = "It was the best of times, it was the worst of times, it was the age of wisdom"
SPOKEN = ((0.4, 3.7), (4.2, 5.3))
FINALS = (
    Told(3.9, 0.4, 3.7, True, "It was the best of times, it was the worst of times,", 1),
    Told(5.5, 4.2, 5.3, True, "it was the age of wisdom", 2),
)
RESUMES = LostLine(Listener.RESUMES, FINALS, (2.6, 5.1), 0.0, SAID, SPOKEN)
LOST: dict[str, list[LostLine]] = {
    "usual": [
        LostLine(Listener.ANEW, FINALS[1:], (2.6, 5.1), 0.0, SAID, SPOKEN),
        LostLine(Listener.FROM_FINAL, FINALS, (2.6, 5.1), 4.2, SAID, SPOKEN),
        RESUMES,
    ],
    "nothing heard": [LostLine(Listener.ANEW, (), (2.6,), 0.0, SAID, SPOKEN)],
    "not lost": [replace(RESUMES, cuts_s=())],
    "often": [replace(RESUMES, cuts_s=tuple(0.3 * n for n in range(20)))],
    "extra": [replace(RESUMES, told=(replace(FINALS[0], text="Anything else at all"),))],
    "a minute": [replace(RESUMES, spoken_s=((0.4, 30.0), (31.0, 59.0)), cuts_s=(57.0,))],
    "none": [],
}
