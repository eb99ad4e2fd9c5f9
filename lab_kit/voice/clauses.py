"""A text that is being written, cut where it can be spoken.

The first piece ends at the first comma, because somebody waits for it; the others at the ends of
sentences, because a voice falls where its text ends.
"""

import re

FIRST_WORDS = 2
"""A first clause of one word, as "Yes,", is over before the next one is made."""
LONGEST = 200
"""Characters that are waited for without an end: a dozen seconds."""
_FIRST = re.compile(r"[,;:](?=\s)|(?<!\d)[,;]$|[.!?…](?=\s)|(?<!\d)[.!?…]$")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|(?<!\d)[.!?…]$")
"""At the end of what was written so far, behind a digit, it may be the middle of a number."""


class Clauses:
    """Cuts one text. Attribute ``rest`` is what was written and not cut off yet."""

    def __init__(self) -> None:
        self.rest = ""
        self._is_first = True

    def push(self, text: str) -> str | None:
        """Take what was written next; a piece, if one is whole."""
        self.rest += text
        end = self._end()
        return None if end is None else self._cut(end)

    def finish(self) -> str | None:
        """The text is over; what is left of it, if anything can be spoken."""
        return self._cut(len(self.rest))

    def _cut(self, end: int) -> str | None:
        piece, self.rest = self.rest[:end].strip(), self.rest[end:]
        if not any(letter.isalnum() for letter in piece):
            return None
        self._is_first = False
        return piece

    def _end(self) -> int | None:
        marks = _FIRST if self._is_first else _SENTENCE
        for found in marks.finditer(self.rest):
            words = len(self.rest[: found.end()].split())
            is_sentence = found.group()[0] in ".!?…"
            if words >= FIRST_WORDS or is_sentence or not self._is_first:
                return found.end()
        if len(self.rest) <= LONGEST:
            return None
        space = self.rest.rfind(" ", 0, LONGEST)
        return space if space > 0 else LONGEST
