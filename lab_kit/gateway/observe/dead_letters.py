"""What the engine could not do, kept for somebody to look at instead of lost.

A letter says whose it was, what was asked and how it failed. The sound itself is somebody's voice:
it is kept only where a folder was configured for it, and then only the newest letters', as WAV
files beside the JSON. In memory there is never any. A stream that redacts leaves no sound at all:
what failed was not recognized, so nobody knows where in it personal data is.
"""

import json
import logging
from collections import deque
from dataclasses import asdict
from pathlib import Path

from lab_kit.audio.files import written_wav
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.protocol.degradation import DeadLetter
from lab_kit.stream.failed_decode import FailedDecode

_log = logging.getLogger(__name__)

MOST_KEPT = 64


class DeadLetters:
    """The newest of them.

    Args:
        folder: where letters and their sound are written; None writes nothing.

    Attributes:
        total: how many there ever were.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._letters: deque[DeadLetter] = deque(maxlen=MOST_KEPT)
        self.total = 0

    def keep(self, failed: FailedDecode) -> None:
        """Keep one; the oldest goes if there are too many.

        A folder that cannot be written is logged; the letter is kept in memory all the same.
        """
        self.total += 1
        audio_s = len(failed.audio) / SAMPLE_RATE_HZ
        letter = DeadLetter(
            number=self.total,
            at=wall_clock_iso(),
            **failed.identity.as_attributes(),
            trace_id=failed.trace_id,
            audio_s=audio_s,
            tries=failed.tries,
            error=failed.error,
        )
        self._letters.append(letter)
        _log.error("dead letter %d: %.1f s of sound", letter.number, audio_s)
        if self._folder is None:
            return
        try:
            self._write(self._folder, letter, None if failed.is_private else failed.audio)
        except OSError as trouble:
            _log.error("dead letter %d could not be written: %s", letter.number, trouble)

    def letters(self) -> tuple[DeadLetter, ...]:
        """Those kept, oldest first."""
        return tuple(self._letters)

    def _write(self, folder: Path, letter: DeadLetter, audio: FloatArray | None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{letter.at.replace(chr(58), chr(45))}-{letter.number:06}"
        (folder / f"{name}.json").write_text(json.dumps(asdict(letter)), "utf-8")
        if audio is not None:
            (folder / f"{name}.wav").write_bytes(written_wav(audio))
        for old in sorted(folder.glob("*.json"))[:-MOST_KEPT]:
            old.unlink()
            old.with_suffix(".wav").unlink(missing_ok=True)
