"""Cheap guesses at what comes next: after these two tokens, what followed them last time.

A draft costs a dictionary look-up and is checked in the pass that would have been made anyway, so
a wrong one costs little and a right one saves a whole pass. Nothing here decides what is said: a
guess that the model does not make itself is dropped.

Source of checking several drafted tokens in one pass: Leviathan et al., "Fast Inference from
Transformers via Speculative Decoding", ICML 2023.
"""

from collections.abc import Iterable, Sequence

CONTEXT = 2
"""Tokens that a guess is made from; one is too vague, three hardly ever come again."""


class NgramDraft:
    """Remembers which token followed each pair.

    Args:
        most: tokens that one draft may hold; each makes the pass a little longer.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._next: dict[tuple[int, ...], int] = {}

    def learn(self, tokens: Sequence[int]) -> None:
        """Take in what was said."""
        for end in range(CONTEXT, len(tokens)):
            self._next[tuple(tokens[end - CONTEXT : end])] = tokens[end]

    def propose(self, tokens: Sequence[int], room: int) -> tuple[int, ...]:
        """A guess at what follows ``tokens``, at most ``room`` long; empty where none is known."""
        return tuple(self._guess(list(tokens[-CONTEXT:]), min(room, self._most)))

    def _guess(self, context: list[int], most: int) -> Iterable[int]:
        for _ in range(most):
            token = self._next.get(tuple(context))
            if token is None:
                return
            yield token
            context = [*context[1:], token]
