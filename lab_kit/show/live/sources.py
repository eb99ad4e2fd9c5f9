"""What a reader may choose to stream in a live view; a microphone is made when it is chosen."""

from collections.abc import Callable

from lab_kit import datasets
from lab_kit.audio.sources.microphone import Microphone
from lab_kit.audio.sources.recordings import Source
from lab_kit.bench import paced
from lab_kit.show.live.browser_microphone import BrowserMicrophone

DEFAULT_CLIP = "two-cities-opening"
OF_KERNEL = "the kernel's microphone"


class Sources:
    """A clip, the microphone of the page and that of the kernel's machine.

    Args:
        given: what the cell asked for; it takes the place of its own kind.

    Attributes:
        chosen: the name of what is streamed, at first of what was given.
    """

    def __init__(self, given: Source) -> None:
        self._made: dict[str, Source] = {}
        self._ways: dict[str, Callable[[], Source]] = {
            BrowserMicrophone.name: BrowserMicrophone,
            DEFAULT_CLIP: lambda: paced(datasets.clip(DEFAULT_CLIP)),
            OF_KERNEL: Microphone,
        }
        self.chosen = self._take(given)

    @property
    def names(self) -> tuple[str, ...]:
        """All that can be chosen."""
        return tuple(self._ways)

    def get(self, name: str) -> Source:
        """The source of that name, the same each time.

        Raises:
            AudioDeviceUnavailable: the kernel's machine has no microphone.
        """
        if name not in self._made:
            self._made[name] = self._ways[name]()
        return self._made[name]

    def _take(self, given: Source) -> str:
        name = given.name
        if isinstance(given, Microphone):
            name = OF_KERNEL
        elif not isinstance(given, BrowserMicrophone):
            del self._ways[DEFAULT_CLIP]
            self._ways[name] = lambda: given
        self._made[name] = given
        return name
