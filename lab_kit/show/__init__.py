"""Everything that draws: waterfalls, delays and transcripts against the 300 ms line."""

from lab_kit.show.delays import delays
from lab_kit.show.live import live
from lab_kit.show.sound import sound
from lab_kit.show.transcript import transcript
from lab_kit.show.turns import turns
from lab_kit.show.waterfall import waterfall, waterfalls

__all__ = ["delays", "live", "sound", "transcript", "turns", "waterfall", "waterfalls"]
