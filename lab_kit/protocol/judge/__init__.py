"""A judge of live streams: what was seen on a wire, against the rules that every wire keeps.

`capture` is how a stream is recorded, `seen` what of it matters, in no provider's words, and
`rules` what must hold. It knows no wire and no dialect: a dialect's ``conversation`` turns its
messages into what was seen.
"""

from collections.abc import Sequence

from lab_kit.core.events import Event
from lab_kit.protocol.judge.rules import RULES, Breach
from lab_kit.protocol.judge.seen import Seen, of_events

__all__ = ["RULES", "Breach", "Seen", "breaches", "judged"]


def judged(seen: Sequence[Seen]) -> list[Breach]:
    """Every breach of every rule, in the order of the capture; none where all are kept."""
    found = [Breach(name, line, what) for name, rule in RULES.items() for line, what in rule(seen)]
    return sorted(found, key=lambda breach: breach.line)


def breaches(events: Sequence[Event]) -> list[str]:
    """The breaches of a stream as our own client has heard it."""
    return [str(breach) for breach in judged(of_events(events))]
