"""``lab talk``: a conversation in a terminal, by microphone and loudspeaker."""

import argparse
import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lab_kit.cli.terminal import amount, server, warn

if TYPE_CHECKING:
    from lab_kit.audio.sources.recordings import Source
    from lab_kit.client.talking import Line, Player

TAIL_S = 2.0
"""Silence after a clip, in which its turn ends."""


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument(
        "--say",
        metavar="CLIP",
        help="say a clip of the course instead of listening to the microphone",
    )
    command.add_argument("--seconds", type=amount, help="hang up after so long")
    command.add_argument("--instructions", help="what the model is told before everything else")
    command.add_argument(
        "--semantic",
        action="store_true",
        help="let a turn end where it sounds finished, and later elsewhere",
    )
    command.add_argument("--url", help="a running server; without it one is started for this call")
    command.add_argument("--key", help="the server's key")
    command.set_defaults(run=_talk)


def _talk(options: argparse.Namespace) -> int:
    with server(options.url, options.key) as url, ExitStack() as held:
        source = _source(options)
        player = _player(held)
        warn(f"{source.name}; the model stands in for its speed, not for what it knows")
        try:
            asyncio.run(_hold(url, options, source, player))
        except KeyboardInterrupt:
            warn("hung up")
    return 0


async def _hold(url: str, options: argparse.Namespace, source: "Source", player: "Player") -> None:
    from lab_kit.client import ServerAddress
    from lab_kit.client.conversation import connect_conversation
    from lab_kit.client.talking import Talking

    turns: dict[str, object] | None = {"type": "semantic_vad"} if options.semantic else None
    address = ServerAddress(url, options.key)
    async with connect_conversation(address, options.instructions, turns) as client:
        await Talking(client, player, _print).hold(source)


def _source(options: argparse.Namespace) -> "Source":
    from lab_kit import datasets
    from lab_kit.audio.sources.microphone import Microphone
    from lab_kit.audio.sources.recordings import PacedRecording

    if options.say is None:
        return Microphone(options.seconds)
    clip = datasets.clip(options.say)
    return PacedRecording(clip.id, clip.samples, chunk_s=0.02, tail_s=TAIL_S)


def _player(held: ExitStack) -> "Player":
    """The loudspeaker, or the clock where there is none."""
    from lab_kit.audio.sources.loudspeaker import Loudspeaker
    from lab_kit.client.silent_player import SilentPlayer
    from lab_kit.core.errors import AudioDeviceUnavailable
    from lab_kit.dialects.openai.conversation.client import RATE_HZ

    try:
        return held.enter_context(Loudspeaker(RATE_HZ))
    except AudioDeviceUnavailable as error:
        warn(f"answers are not heard: {error}")
        return SilentPlayer(RATE_HZ)


def _print(line: "Line") -> None:
    from lab_kit.core.units import ms

    if line.by_caller:
        print(f"you    {line.text}", flush=True)
        return
    delay = "" if line.delay_s is None else f"  ({ms(line.delay_s):.0f} ms after you)"
    note = f"  [{line.note}]" if line.note else ""
    print(f"lab    {line.text}{delay}{note}", flush=True)
