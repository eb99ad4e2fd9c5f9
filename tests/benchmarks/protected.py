"""What it costs a live stream to be protected: final delays with everything on and off, in one run.

    python tests/benchmarks/protected.py [--rounds 12]

Off is a server as `lab serve` starts it. On is one with API keys, a token for the stream, a budget
of compute for its tenant and its key, rules of residency and consent, an audit log, and redaction
of every kind. A clip is streamed at the pace of speech to both at once, so that what else the
machine does meets both. A final's delay runs from the true end of its last word, when that was due,
to its arrival.
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from keyed_server import KeyedServer, keyed_server

from lab_kit import client, datasets
from lab_kit.bench import paced
from lab_kit.client import NativeWire, ServerAddress
from lab_kit.core.events import StreamOptions
from lab_kit.core.personal_data import redaction_of
from lab_kit.core.units import ms
from lab_kit.measure.calls import utterance_delays
from lab_kit.measure.percentiles import percentile
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

CLIP = "two-cities-opening"
AT_MOST_MS = 10.0
"""More at the 95th percentile."""
REGION = ("--region", "eu-west:eu")


async def streamed(address: ServerAddress, options: StreamOptions) -> list[float]:
    """Delays, in seconds, of one stream."""
    clip = paced(datasets.clip(CLIP), 0.05)
    call = await client.stream_over(NativeWire.WEBSOCKET, address, clip, options)
    return [d.final_delay_s for d in utterance_delays(call) if d.final_delay_s is not None]


async def protected(server: KeyedServer) -> Callable[[], Awaitable[list[float]]]:
    """Everything on: a new token for each stream."""
    settings = TenantSettings(
        compute_s_per_min=600.0,
        streams=100,
        redact="true",
        home_region="eu-west",
        allowed_regions=("eu-west",),
        consents=("recognition",),
    )
    await server.operator.set_tenant("acme", settings)
    made = await server.operator.make_key(NewKey("acme", streams=100, compute_s_per_min=600.0))

    async def stream() -> list[float]:
        token = (await client.access_token(server.url, made.key)).access_token
        return await streamed(server.address(token), StreamOptions(postprocess=redaction_of()))

    return stream


async def measured(rounds: int) -> int:
    """Print the table; 1 if protection costs too much."""
    os.environ.setdefault("LAB_AUDIT_KEY", secrets.token_hex(32))
    with (
        tempfile.TemporaryDirectory() as first,
        tempfile.TemporaryDirectory() as second,
        keyed_server(Path(first)) as plain,
        keyed_server(Path(second), *REGION) as guarded,
    ):
        on = await protected(guarded)
        delays: dict[str, list[float]] = {"off": [], "on": []}
        for number in range(rounds + 1):
            found = await asyncio.gather(streamed(plain.address(None), StreamOptions()), on())
            if number:  # the first of each is warm-up
                delays["off"] += found[0]
                delays["on"] += found[1]
    p95s = {name: ms(percentile(found, 0.95)) for name, found in delays.items()}
    print(f"{'protection':12} finals  p50 ms  p95 ms")
    for name, found in delays.items():
        print(f"{name:12} {len(found):6} {ms(percentile(found, 0.5)):7.1f} {p95s[name]:7.1f}")
    more_ms = p95s["on"] - p95s["off"]
    print(f"p95 with everything on is {more_ms:+.1f} ms; at most {AT_MOST_MS:.0f} more")
    return int(more_ms > AT_MOST_MS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    sys.exit(asyncio.run(measured(parser.parse_args().rounds)))
