"""Lab 03's answers.

03.1: a batch goes when it is full, or when the oldest of its requests has waited long enough. The
window belongs to the oldest: counted from the newest, a steady trickle would keep it open for ever.

03.2: the weights are in memory once, and a tenth stays free. Each stream keeps thirty seconds of
encoded audio, for Whisper's encoder always sees that much, and its tokens of text. The audio is
nearly all of it.

03.3: strike out what makes more errors than the limit allows, then what is slower than the
reference, and take the smallest of the rest. Which one that is depends on the machine.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab_kit.client import CacheUse

if TYPE_CHECKING:
    from lab_kit.experiments.runtimes import RuntimeReport


def take(waiting_ms: Sequence[int], now_ms: int, max_batch: int, max_wait_ms: int) -> int:
    """How many of the waiting go now."""
    if not waiting_ms:
        return 0
    full = len(waiting_ms) >= max_batch
    due = now_ms - min(waiting_ms) >= max_wait_ms
    return min(len(waiting_ms), max_batch) if full or due else 0


def streams(cache: CacheUse, weights_bytes: int) -> int:
    """How many streams fit into a card of 24 GB."""
    stream_bytes = 30 * cache.bytes_per_audio_s + 75 * cache.bytes_per_token
    return int((0.9 * 24e9 - weights_bytes) // stream_bytes)


def precision(table: "Sequence[RuntimeReport]") -> str:
    """The smallest runtime within both limits."""
    ran = {row.name: row.figures for row in table if row.figures is not None}
    reference = ran["pytorch-fp32"]
    assert reference.wer_real is not None
    allowed = [
        name
        for name, figures in ran.items()
        if figures.wer_real is not None
        and figures.wer_real <= reference.wer_real + 0.005
        and figures.clip_ms_p50 <= 1.1 * reference.clip_ms_p50
    ]
    return min(allowed, key=lambda name: ran[name].size_bytes)
