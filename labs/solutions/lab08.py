"""Lab 08's answers.

08.1: a result has two names: the segment that it is of, and its number. The newest of a segment is
shown, whatever came in between and however often; a final is only the last of its segment.

08.2: each side counts what it has of the other. The client tells what it has heard, the server what
it has taken, and each goes on from there. What is lost with a connection was counted by nobody.

08.3: a judge finds it, and so does whoever follows one column at a time: numbers, revisions and
usage go on where they ended, and what is over stays over.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab_kit.experiments.streams import Broken


def shown(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text after these messages."""
    newest: dict[int, Mapping[str, Any]] = {}
    for message in messages:
        if message["type"] not in ("interim", "final"):
            continue
        before = newest.get(message["segment"])
        if before is None or message["sequence"] > before["sequence"]:
            newest[message["segment"]] = message
    return " ".join(newest[segment]["text"] for segment in sorted(newest))


def listen(connect: Callable[[int], Any], pieces: Sequence[str]) -> list[str]:
    """Say the pieces, and hear what the server has to say to them."""
    seen, texts = 0, []
    while True:
        try:
            line = connect(seen)
            for piece in pieces[line.taken :]:
                line.send(piece)
            line.finish()
            while (told := line.receive()) is not None:
                texts.append(told.text)
                seen = told.number
            return texts
        except ConnectionError:
            continue


def found(broken: Mapping[str, Broken]) -> dict[str, tuple[str, int]]:
    """For each capture the rule and the line, as the judge finds them."""
    return {name: (one.breach.rule, one.breach.line) for name, one in broken.items()}
