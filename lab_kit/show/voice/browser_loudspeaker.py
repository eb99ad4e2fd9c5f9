"""The reader's own loudspeaker: a widget that plays what the kernel sends."""

from pathlib import Path

import anywidget

from lab_kit.client.silent_player import SilentPlayer
from lab_kit.dialects.openai.conversation.client import RATE_HZ


class BrowserLoudspeaker(anywidget.AnyWidget):
    """Plays PCM16 at 24 kHz in the page that shows it; how much was played is reckoned here."""

    _esm = Path(__file__).with_suffix(".js").read_text("utf-8")

    def __init__(self) -> None:
        super().__init__()
        self._clock = SilentPlayer(RATE_HZ)

    @property
    def is_playing(self) -> bool:
        """Whether something is to be heard."""
        return self._clock.is_playing

    def begin(self) -> None:
        """Count what is played from here on."""
        self._clock.begin()

    def play(self, pcm24: bytes) -> None:
        """Play it behind what is played."""
        self._clock.play(pcm24)
        self.send({"kind": "play"}, [pcm24])

    def stop(self) -> float:
        """Play no more; returns how much was played since `begin`, in seconds."""
        self.send({"kind": "stop"})
        return self._clock.stop()
