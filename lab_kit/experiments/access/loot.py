"""What was found in leaked logs is shown to a real server, on every way in."""

from dataclasses import replace

from lab_kit import client, datasets
from lab_kit.client import NativeWire
from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.core.events import StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.access.found import Found, Loot, Tried, TriedLoot, Way
from lab_kit.experiments.access.leaking import twelve_things
from lab_kit.experiments.access.server import Server

_CLIP = "two-cities-best"
_SECOND_BYTES = 2 * SAMPLE_RATE_HZ
_RAW = f"audio/l16;rate={SAMPLE_RATE_HZ}"
_SPEECH = "It was the best of times."


async def loot(server: Server) -> Loot:
    """Twelve things from leaked logs, made on this server a moment ago.

    Raises:
        LabError: a key or a token could not be made.
        ValueError: the server has no port with TLS, to which a token could be bound.
    """
    if not server.tls_url:
        raise ValueError("a server without a port for TLS; start it with mutual_tls=True")
    return Loot(dict(enumerate(await twelve_things(server), 1)))


async def tried_loot(server: Server) -> TriedLoot:
    """Make the same twelve things anew, and try each of them on every way in.

    They are new ones, since trying uses some of them up, and tokens expire.

    Raises:
        LabError, ValueError: as `loot`.
    """
    made = await loot(server)
    return TriedLoot({number: await attempt(server, found) for number, found in made.items()})


async def attempt(server: Server, shown: Found | str) -> Tried:
    """Show something found, or any key or token, on every way in, one after the other.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    found = Found("", "", shown) if isinstance(shown, str) else shown
    refusals = {way: await _refusal(server, way, found.credential) for way in Way}
    return Tried(found, refusals)


async def _refusal(server: Server, way: Way, credential: str) -> str:
    """What the server says; empty where it opens."""
    address = replace(server.address, key=credential)
    try:
        match way:
            case Way.RECORDING:
                sound = datasets.clip(_CLIP).pcm16[:_SECOND_BYTES]
                await client.transcribe(server.url, sound, _RAW, "", key=credential)
            case Way.WEBSOCKET | Way.GRPC:
                wire = NativeWire.WEBSOCKET if way is Way.WEBSOCKET else NativeWire.GRPC
                async with client.connect_session(wire, address, StreamOptions()):
                    pass
            case Way.SPEECH:
                async for _ in client.synthesize(server.url, _SPEECH, key=credential):
                    pass
    except ConnectionFailed:  # a server that is gone refuses nothing
        raise
    except LabError as error:
        return error.received
    return ""
