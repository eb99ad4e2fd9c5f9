"""What identity, limits, redaction and the audit log add to a final's delay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab_kit import datasets
from lab_kit.audio.sources.recordings import DEFAULT_CHUNK_S, PacedRecording
from lab_kit.client import NativeWire, ServerAddress, access_token, stream_over
from lab_kit.core.call_record import Spoken
from lab_kit.core.events import StreamOptions
from lab_kit.core.personal_data import redaction_of
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.access.server import Server
from lab_kit.measure.calls import utterance_delays
from lab_kit.measure.percentiles import can_show, percentile
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

GUARDED, PLAIN = "everything on", "everything off"
_TENANT, _CLIP = "guarded", "two-cities-wisdom"
_PLENTY = TenantSettings(compute_s_per_min=600.0, compute_burst_s=600.0, streams=1_000)


async def what_it_costs(
    guarded: Server, plain: ServerAddress, times: int = 20
) -> dict[str, list[float]]:
    """Seconds from the end of speech to the last final, with everything on and off, by turns.

    On is: a token for each stream, a limited tenant, redaction, and whatever the server does for
    everybody, such as an audit log. A final that never came is left out.

    Args:
        plain: a server without any of it.

    Raises:
        LabError: a stream was refused.
    """
    await guarded.operator.set_tenant(_TENANT, _PLENTY)
    key = (await guarded.operator.make_key(NewKey(_TENANT, scope=("streams",)))).key
    found: dict[str, list[float]] = {PLAIN: [], GUARDED: []}
    for _ in range(times):
        token = (await access_token(guarded.url, key)).access_token
        address = replace(guarded.address, key=token)
        found[PLAIN] += await _delays_s(plain, ())
        found[GUARDED] += await _delays_s(address, redaction_of())
    return found


def costs_table(found: Mapping[str, Sequence[float]]) -> Table:
    """A row for each, in ms, and what lies between the medians."""
    rows = [
        (name, str(len(delays)), *(f"{ms(percentile(delays, share)):.0f}" for share in (0.5, 0.95)))
        for name, delays in found.items()
    ]
    plain, guarded = (round(ms(percentile(found[name], 0.5))) for name in (PLAIN, GUARDED))
    notes = [f"Between the two medians: {guarded - plain:+d} ms of the 300."]
    if not all(can_show(len(delays), 0.95) for delays in found.values()):
        notes.append("p95 is indicative: it takes 59 calls to show one.")
    return Table("way to serve", ("", "calls", "p50 ms", "p95 ms"), rows, notes)


async def _delays_s(address: ServerAddress, steps: tuple[str, ...]) -> list[float]:
    clip = datasets.clip(_CLIP)
    spoken = tuple(Spoken(one.text, one.start_s, one.end_s) for one in clip.utterances())
    source = PacedRecording(clip.id, clip.samples, spoken, DEFAULT_CHUNK_S)
    call = await stream_over(
        NativeWire.WEBSOCKET, address, source, StreamOptions(postprocess=steps)
    )
    last = utterance_delays(call)[-1].final_delay_s
    return [] if last is None else [last]
