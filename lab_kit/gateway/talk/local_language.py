"""SmolLM2 in this process: loaded when somebody first talks, callers in turn, clause by clause.

Between two tokens it can be stopped. What it has read of a conversation stays in that
conversation's cache, so that an answer begins with the words that are new.
"""

import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from lab_kit.core.errors import InvalidParameter, SystemOverloaded
from lab_kit.core.replies import ReplyOptions, Role, Said
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.talk.language import Part, Stopped, Written
from lab_kit.models.smollm2.model import NAME, SmolLM2
from lab_kit.voice.clauses import Clauses
from lab_kit.voice.history import Remembered

MOST_PROMPT_TOKENS = 400
"""Of a conversation; its beginning is forgotten. A tenth of a second of work, were none cached."""
MOST_CHARS = 1_000
"""Of one thing that was said; of more, the end."""
MOST_TOKENS = 80
"""Of an answer: a quarter of a minute of speech."""
MOST_CONVERSATIONS = 16
"""At once: each has a cache of 24 MB, and sixteen who speak in turn keep the model busy."""
EXAMPLES = (
    Said(Role.USER, "What time do you open?"),
    Said(Role.ASSISTANT, "Every day, we open at nine."),
    Said(Role.USER, "Can I bring my dog?"),
    Said(Role.ASSISTANT, "Of course, dogs are welcome."),
)
"""So small a model is brief when it has seen how; and begins with a clause that is soon spoken."""


class LocalLanguage:
    """One model for all conversations.

    Args:
        load: opens it; called once, on a worker.
    """

    name = NAME

    def __init__(self, load: Callable[[], SmolLM2]) -> None:
        self._load = load
        self._model: SmolLM2 | None = None
        self._loading = threading.Lock()
        self.workers = Preparation()
        self.authors: set[LocalAuthor] = set()

    def author(self, caller: str) -> "LocalAuthor":
        """See `Language`.

        Raises:
            SystemOverloaded: there are too many.
        """
        if len(self.authors) >= MOST_CONVERSATIONS:
            raise SystemOverloaded(
                f"{len(self.authors)} conversations",
                f"fewer than {MOST_CONVERSATIONS} at once",
                "try again after the stated delay",
            )
        author = LocalAuthor(self, caller)
        self.authors.add(author)
        return author

    def stop(self) -> None:
        """See `Language`."""
        self.workers.stop()

    def model(self) -> SmolLM2:
        """The model; called on workers.

        Raises:
            ModelStoreError: its weights are missing or damaged.
        """
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model


class _Open:
    """A model, and a conversation's cache."""

    def __init__(self, model: SmolLM2) -> None:
        self.model = model
        self.cache = model.cache()
        examples = len(model.text.conversation(EXAMPLES))
        self._remembered = Remembered(MOST_PROMPT_TOKENS - examples, self._length)

    def prompt(self, said: Sequence[Said], begun: Role) -> list[int]:
        """The tokens that the model reads of a conversation: what fits, behind the examples.

        Args:
            begun: who has begun to say something, and may go on.
        """
        spoken = [one for one in said if one.role is not Role.TOOL and one.call is None]
        kept = self._remembered.of(spoken)
        first = [one for one in kept[:1] if one.role is Role.SYSTEM]
        whole = [*first, *EXAMPLES, *kept[len(first) :]]
        short = [replace(one, text=one.text[-MOST_CHARS:]) for one in whole]
        return self.model.text.conversation(short, begun)[-MOST_PROMPT_TOKENS:]

    def _length(self, said: Said) -> int:
        return len(self.model.text.conversation([replace(said, text=said.text[-MOST_CHARS:])]))


class LocalAuthor:
    """Writes the answers of one conversation; one job at a time has its cache."""

    def __init__(self, language: LocalLanguage, caller: str) -> None:
        self._language = language
        self._caller = caller
        self._open: _Open | None = None

    async def begin(self, said: Sequence[Said]) -> None:
        """See `Author`."""
        await self._language.workers.run(self._caller, self._loaded)
        await self.read([*said, Said(Role.USER, "")])

    async def read(self, said: Sequence[Said]) -> None:
        """See `Author`."""
        await self._language.workers.run(self._caller, partial(self._fill, list(said)))

    def close(self) -> None:
        """See `Author`."""
        self._language.authors.discard(self)

    async def answer(
        self, call: Spoken, said: Sequence[Said], options: ReplyOptions
    ) -> AsyncGenerator[Part, None]:
        """See `Author`.

        Raises:
            InvalidParameter: functions are to be called, which this model cannot.
        """
        if options.functions and options.choice != "none":
            raise InvalidParameter(
                f"tools for {NAME}, which calls none",
                "no tools, or a model that calls them",
                "start the server with --replies and the address of one",
            )
        writing = _Writing(self._loaded, said, options.most_tokens or MOST_TOKENS)
        try:
            while not writing.is_over:
                job = partial(_timed, call, writing.clause)
                written = await self._language.workers.run(self._caller, job)
                if written is not None:
                    yield written
            yield Stopped(writing.prompt_tokens, writing.is_cut)
        finally:
            writing.stop.set()

    def _loaded(self) -> _Open:
        if self._open is None:
            model = self._language.model()
            self._open = _Open(model)
        return self._open

    def _fill(self, said: list[Said]) -> None:
        if (opened := self._open) is not None:
            opened.cache.fill(opened.prompt(said, Role.USER))


class _Writing:
    """One answer on its way; used by one worker at a time.

    Attributes:
        stop: set by whoever wants no more of it.
        is_over: nothing more will come.
    """

    def __init__(self, opened: Callable[[], _Open], said: Sequence[Said], most: int) -> None:
        self._opened = opened
        self._said = said
        self._most = most
        self._tokens: list[int] = []
        self._source: Iterator[int] | None = None
        self._clauses = Clauses()
        self._told = ""
        self.prompt_tokens = 0
        self.stop = threading.Event()
        self.is_over = False

    @property
    def is_cut(self) -> bool:
        """Whether it was longer than was asked for."""
        return len(self._tokens) >= self._most

    def clause(self) -> Written | None:
        """The next clause; None if there is none."""
        opened = self._opened()
        source = self._source = self._source or self._begin(opened)
        count, first_ns = len(self._tokens), 0
        piece = None
        while piece is None and not self.stop.is_set():
            token = next(source, None)
            if token is None:
                self.is_over = True
                piece = self._clauses.finish()
                break
            first_ns = first_ns or time.perf_counter_ns()
            self._tokens.append(token)
            piece = self._clauses.push(self._news(opened.model))
        if piece is None:
            return None
        now_ns = time.perf_counter_ns()
        return Written(piece, len(self._tokens) - count, first_ns or now_ns, now_ns)

    def _begin(self, opened: _Open) -> Iterator[int]:
        prompt = opened.prompt(self._said, Role.ASSISTANT)
        self.prompt_tokens = len(prompt)
        return opened.model.answer(opened.cache, prompt, self._most)

    def _news(self, model: SmolLM2) -> str:
        """What the newest token adds; a letter that is not whole yet waits for the next."""
        whole = model.text.text(self._tokens)
        if whole.endswith("�"):
            return ""
        news, self._told = whole[len(self._told) :], whole
        return news


def _timed(call: Spoken, job: Callable[[], Written | None]) -> Written | None:
    """Do a job at its caller's expense."""
    began_ns = time.perf_counter_ns()
    try:
        return job()
    finally:
        call.spending.add(time.perf_counter_ns() - began_ns)
