"""What an audit log and rules of residency and consent add to a final's delay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab_kit import datasets
from lab_kit.audio.sources.recordings import DEFAULT_CHUNK_S, PacedRecording
from lab_kit.client import NativeWire, ServerAddress, stream_over
from lab_kit.core.call_record import Spoken
from lab_kit.core.events import StreamOptions
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.proof.server import Server
from lab_kit.measure.calls import utterance_delays
from lab_kit.measure.percentiles import can_show, percentile
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

GUARDED, PLAIN = "audit log and rules", "neither"
_TENANT, _CLIP = "european", "two-cities-wisdom"
_AGREED = TenantSettings(
    home_region="eu-west", allowed_regions=("eu-west",), consents=("recognition",)
)


async def what_it_costs(
    guarded: Server, plain: ServerAddress, times: int = 20
) -> dict[str, list[float]]:
    """Seconds from the end of speech to the last final, with and without, by turns.

    A final that never came is left out.

    Args:
        guarded: in the region eu-west.
        plain: a server without any of it.

    Raises:
        LabError: a stream was refused.
    """
    await guarded.operator.set_tenant(_TENANT, _AGREED)
    key = (await guarded.operator.make_key(NewKey(_TENANT, scope=("streams",)))).key
    found: dict[str, list[float]] = {PLAIN: [], GUARDED: []}
    for _ in range(times):
        found[PLAIN] += await _delays_s(plain)
        found[GUARDED] += await _delays_s(replace(guarded.address, key=key))
    return found


def costs_table(found: Mapping[str, Sequence[float]]) -> Table:
    """A row for each, in ms, and what lies between the medians."""
    rows = [
        (name, str(len(delays)), *(f"{ms(percentile(delays, share)):.0f}" for share in (0.5, 0.95)))
        for name, delays in found.items()
    ]
    plain, guarded = (ms(percentile(found[name], 0.5)) for name in (PLAIN, GUARDED))
    notes = [f"Between the two medians: {round(guarded - plain):+d} ms of the 300."]
    if not all(can_show(len(delays), 0.95) for delays in found.values()):
        notes.append("p95 is indicative: it takes 59 calls to show one.")
    return Table("way to serve", ("", "calls", "p50 ms", "p95 ms"), rows, notes)


async def _delays_s(address: ServerAddress) -> list[float]:
    clip = datasets.clip(_CLIP)
    spoken = tuple(Spoken(one.text, one.start_s, one.end_s) for one in clip.utterances())
    source = PacedRecording(clip.id, clip.samples, spoken, DEFAULT_CHUNK_S)
    call = await stream_over(NativeWire.WEBSOCKET, address, source, StreamOptions())
    last = utterance_delays(call)[-1].final_delay_s
    return [] if last is None else [last]
