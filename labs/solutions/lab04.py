"""Lab 04's answers.

04.1: words first. Of the codecs that are within five points of PCM16 in noise, the one with the
fewest bits *on the wire*: small messages are mostly headers. The figure is that row's column "in
WebSocket", times ten thousand streams.

04.2: dictation must not interrupt, so it takes the shortest silence that cuts at most one pause in
twenty. An agent must not dawdle, so it takes the longest silence whose median wait is within the
line. They are different numbers, which is why endpointing is a parameter in every provider's API.

04.3: take the header off every piece, and carry half a sample over to the next one.
"""

from collections.abc import Sequence

from lab_kit.experiments.sound import WEBSOCKET, CodecReport, SilenceReport
from lab_kit.measure.percentiles import percentile


def plan(table: Sequence[CodecReport]) -> dict[str, object]:
    """The codec and its Mbit/s for 10,000 streams."""
    mbit = {
        row.codec.name: WEBSOCKET.bytes_per_s(row.bytes_per_s, row.frame_s) * 8 * 10_000 / 1e6
        for row in table
    }
    reference = next(row for row in table if row.codec.name == "linear16 16 kHz")
    kept = [row.codec.name for row in table if row.wer_in_noise <= reference.wer_in_noise + 0.05]
    name = min(kept, key=lambda each: mbit[each])
    return {"codec": name, "mbit_per_s": mbit[name]}


def silences(waited: Sequence[SilenceReport]) -> dict[str, int]:
    """Milliseconds of silence for each brief."""
    careful = [row.silence_s for row in waited if row.cut_share <= 0.05]
    quick = [row.silence_s for row in waited if percentile(row.waits_s, 0.5) <= 0.3]
    return {"dictation": round(min(careful) * 1e3), "agent": round(max(quick) * 1e3)}


def repair(pieces: Sequence[bytes]) -> list[bytes]:
    """The speaker's sound, in whole samples."""
    repaired, rest = [], b""
    for piece in pieces:
        data = rest + piece[44:]
        whole = len(data) // 2 * 2
        repaired.append(data[:whole])
        rest = data[whole:]
    return repaired
