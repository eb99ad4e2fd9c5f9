"""``lab judge``: whether a live stream kept the rules, as it was recorded or as it is held now.

The status is 0 where every rule was kept, 1 where one was broken, 2 where nothing could be judged.
"""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.terminal import amount, read, warn, write
from lab_kit.core.errors import InvalidParameter, LabError

if TYPE_CHECKING:
    from lab_kit.protocol.judge.capture import Capture

BROKEN, NOT_JUDGED = 1, 2
DIALECTS = ("lab", "deepgram", "openai", "elevenlabs", "google", "assemblyai", "amazon")
CLIP = "two-cities-opening"
TAIL_S = 1.5
"""Silence behind a recording, so that its last word is followed by an endpoint."""
LONGEST_S = 600.0


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument("capture", type=Path, nargs="?", help="a recorded stream, as JSON lines")
    command.add_argument("--url", help="hold a stream with this server instead")
    command.add_argument("--grpc", metavar="HOST:PORT", help="where it speaks gRPC")
    command.add_argument("--dialect", choices=DIALECTS, default="lab", help="default: lab")
    command.add_argument(
        "--wire",
        choices=("websocket", "sse", "grpc"),
        default="websocket",
        help="of the dialect lab, where the others have their own; default: websocket",
    )
    command.add_argument("--key", help="the server's key")
    command.add_argument("--file", type=Path, help=f"what is said; default: the clip {CLIP}")
    command.add_argument(
        "--pace", type=amount, default=1.0, help="times the pace of speech; default: 1"
    )
    command.add_argument("--save", type=Path, help="write the capture to this file")
    command.set_defaults(run=_judge)


def _judge(options: argparse.Namespace) -> int:
    from lab_kit.client.judging import reading_of
    from lab_kit.protocol.judge import RULES, judged
    from lab_kit.protocol.judge.capture import Capture
    from lab_kit.protocol.judge.conversation import seen_in

    try:
        if (options.capture is None) == (options.url is None):
            raise InvalidParameter(
                "a capture and --url" if options.url else "neither a capture nor --url",
                "one of the two",
                "name a file, or a server with --url",
            )
        if options.url is None:
            capture = Capture.read(_text(options.capture).split("\n"))
        else:
            capture = asyncio.run(_recorded(options))
        if options.save is not None:
            write(options.save, "".join(capture.text()))
        if (refused := _refusal(capture)) is not None:
            warn(refused)
            return NOT_JUDGED
        seen = seen_in(capture, reading_of(capture.head.dialect))
        found = judged(seen)
    except LabError as error:
        warn(str(error))
        return NOT_JUDGED
    for breach in found:
        print(breach)
    if not found and (unheard := capture.unheard()) is not None:
        warn(f"not judged: {unheard}")
        return NOT_JUDGED
    count = f"{len(capture.lines):,} lines of {capture.head.dialect} over {capture.head.wire}"
    print(f"{count}: {len(found)} breaches of {len(RULES)} rules" if found else f"{count}: kept")
    return BROKEN if found else 0


def _refusal(capture: "Capture") -> str | None:
    """What the server said, where it opened no stream at all."""
    refused = capture.lines[0].refused if len(capture.lines) == 1 else None
    return None if refused is None else f"no stream: {refused.get('why', refused)}"


def _text(file: Path) -> str:
    try:
        return read(file).decode()
    except UnicodeDecodeError as error:
        raise InvalidParameter(
            f"{file}, which is not text", "a capture, as JSON lines", "name such a file"
        ) from error


async def _recorded(options: argparse.Namespace) -> "Capture":
    import numpy as np

    from lab_kit import datasets
    from lab_kit.audio.files import read_recording
    from lab_kit.client import ServerAddress
    from lab_kit.client.judging import recorded
    from lab_kit.core.units import SAMPLE_RATE_HZ
    from lab_kit.protocol.judge.conversation import Carrier

    if options.file is None:
        sound = datasets.clip(CLIP).samples
    else:
        sound = read_recording(read(options.file), LONGEST_S)
    audio = np.concatenate([sound, np.zeros(round(TAIL_S * SAMPLE_RATE_HZ), np.float32)])
    address = ServerAddress(options.url.rstrip("/"), options.key, options.grpc)
    wire = Carrier(options.wire)
    if options.grpc is None and (options.dialect == "google" or wire is Carrier.GRPC):
        raise InvalidParameter(
            f"{options.dialect} over gRPC without an address",
            "where the server speaks gRPC",
            "add --grpc HOST:PORT, which lab serve prints when it starts",
        )
    return await recorded(options.dialect, address, audio, wire, pace=options.pace)
