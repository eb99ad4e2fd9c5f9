"""``lab speak``: a text spoken into a file."""

import argparse
import asyncio
import sys
from pathlib import Path

from lab_kit.cli.terminal import amount, server, unwritable


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument("text", help="what is to be said, in English")
    command.add_argument(
        "--to",
        type=Path,
        default=Path("speech.wav"),
        metavar="FILE",
        help="its ending says in which form: wav, flac, mp3, aac or opus (default %(default)s)",
    )
    command.add_argument("--speed", type=amount, default=1.0, help="1 is the voice's own pace")
    command.add_argument("--url", help="a running server; without it one is started for this call")
    command.add_argument("--key", help="the server's key")
    command.set_defaults(run=_speak)


def _speak(options: argparse.Namespace) -> int:
    from lab_kit import client

    to: Path = options.to

    async def spoken(url: str) -> int:
        form = to.suffix.lower().removeprefix(".")
        pieces = client.synthesize(
            url, options.text, key=options.key, form=form, speed=options.speed
        )
        first = await anext(pieces)  # a text that is refused leaves no empty file
        try:
            with to.open("wb") as file:
                file.write(first)
                async for piece in pieces:
                    file.write(piece)
                return file.tell()
        except OSError as error:
            raise unwritable(to, error) from error

    with server(options.url, options.key) as url:
        size = asyncio.run(spoken(url))
    print(f"{size:,} bytes in {to}", file=sys.stderr)
    return 0
