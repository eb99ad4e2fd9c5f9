"""``lab call``: a file transcribed, whole, at the pace of speech, or while nobody waits."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.terminal import read, server, unreadable, warn

if TYPE_CHECKING:
    from lab_kit.core.call_record import Received

LIVE_TAIL_S = 1.0
"""Silence sent after a file, so that its last word is followed by an endpoint."""
LONGEST_FILE_S = 600.0
"""What the server takes in one request."""
OPERATION_LOOK_S = 1.0
"""How often somebody who waits is told how far it is."""
NO_SPEECH = "no speech was found in it"
KINDS = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg"}


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument("file", type=Path, help="a WAV, FLAC or OGG recording")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--live", action="store_true", help="stream it at the pace of speech")
    how.add_argument(
        "--operation", action="store_true", help="hand it over, and wait; for recordings up to 4 h"
    )
    command.add_argument("--url", help="a running server; without it one is started for this call")
    command.add_argument("--key", help="the server's key")
    command.set_defaults(run=_call)


def _call(options: argparse.Namespace) -> int:
    from lab_kit.audio.files import is_cut_off

    if options.operation:
        with server(options.url, options.key) as url:
            asyncio.run(_later(url, options.file, options.key))
        return 0
    data = read(options.file)
    if is_cut_off(data):
        warn(f"the end of {options.file} is missing; what is there is transcribed")
    with server(options.url, options.key) as url:
        call = _live if options.live else _whole
        asyncio.run(call(url, data, options.file, options.key))
    return 0


async def _whole(url: str, data: bytes, file: Path, key: str | None) -> None:
    from lab_kit import client
    from lab_kit.core.units import ms
    from lab_kit.measure.calls import request_waterfall

    kind = KINDS.get(file.suffix.lower(), "application/octet-stream")
    call = await client.transcribe(url, data, kind, file.name, key=key)
    print_text(call.text)
    total_ms = ms(request_waterfall(call).total_s)
    print(
        f"{call.audio_s:.1f} s of audio, answered {total_ms:.0f} ms after it was sent;"
        f" {call.device}",
        file=sys.stderr,
    )


async def _later(url: str, file: Path, key: str | None) -> None:
    from lab_kit import client

    kind = KINDS.get(file.suffix.lower(), "application/octet-stream")
    operations = client.Operations(url, key)
    try:
        operation = await operations.transcribe(file, kind)
    except OSError as error:
        raise unreadable(file, error) from error
    warn(f"{operation.name} on {url}")
    while not operation.done:
        operation = await operations.wait(operation.name, OPERATION_LOOK_S)
        told = operation.metadata
        print(f"\r{told.processed_s:,.0f} of {told.audio_s:,.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    print_text((await operations.result(operation)).text)


async def _live(url: str, data: bytes, file: Path, key: str | None) -> None:
    from lab_kit import client
    from lab_kit.audio.files import read_recording
    from lab_kit.audio.sources.recordings import PacedRecording
    from lab_kit.core.events import StreamOptions
    from lab_kit.measure.calls import transcript

    audio = read_recording(data, LONGEST_FILE_S)
    source = PacedRecording(file.name, audio, tail_s=LIVE_TAIL_S)
    call = await client.stream(url, source, StreamOptions(), key, _print_event)
    if not transcript(call):
        warn(NO_SPEECH)


def print_text(text: str) -> None:
    """What was said, or that nothing was."""
    if text:
        print(text)
    else:
        warn(NO_SPEECH)


def _print_event(started_ns: int, received: "Received") -> None:
    """One line for each result: when it came, whether it may still change, what it says."""
    from lab_kit.core.events import Final, Interim
    from lab_kit.core.units import seconds

    event = received.event
    if isinstance(event, Interim | Final) and event.text:
        at_s = seconds(received.received_ns - started_ns)
        kind = "final" if isinstance(event, Final) else "interim"
        print(f"{at_s:7.2f} s  {kind:8}{event.text}", flush=True)
