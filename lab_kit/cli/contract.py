"""``lab contract``: what changed between two descriptions of an interface, and whom it breaks."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lab_kit.cli.terminal import warn
from lab_kit.core.errors import ConnectionFailed, InvalidContract, LabError, PayloadTooLarge
from lab_kit.protocol.contract.change import Change, Verdict, worst

MOST_BYTES = 16 * 1024 * 1024
"""Of a description; a hundred times this project's own, and as much as a large provider's."""
PATIENCE_S = 20.0
"""For a server to send its description, from the first byte asked to the last received."""
BROKEN, UNREADABLE = 1, 2
"""Exit codes: a client breaks; nothing could be said."""
_MOST_USERS = 3


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    diff = actions.add_parser("diff", help="say which changes break clients; exit code 1 if any")
    for name, what in (("old", "what clients were written for"), ("new", "what they will meet")):
        diff.add_argument(
            name,
            metavar=name.upper(),
            help=f"{what}: a file, or an address such as http://127.0.0.1:8000/openapi.json",
        )
    diff.add_argument("--format", choices=("text", "json"), default="text")
    diff.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    from lab_kit.protocol.contract.reading import changes_between, read_contract

    try:
        old, new = (read_contract(name, _bytes(name)) for name in (options.old, options.new))
        changes = changes_between(old, new)
    except LabError as error:
        warn(str(error))
        return UNREADABLE
    verdict = worst(changes)
    if options.format == "json":
        told = {"verdict": verdict, "kind": old.kind, "changes": [asdict(one) for one in changes]}
        print(json.dumps(told, indent=1))
    else:
        print(_text(changes))
    return BROKEN if verdict is Verdict.BREAKING else 0


def _text(changes: Sequence[Change]) -> str:
    """The changes by their verdict, and how many there are of each."""
    lines, counts = [], []
    for verdict in Verdict:
        found = [change for change in changes if change.verdict is verdict]
        counts.append(f"{len(found)} {verdict}")
        if found:
            lines.append(verdict.upper())
        for change in found:
            lines += [f"  {change.path} ({change.side})", f"    {change.was} → {change.now}"]
            lines += [f"    {change.why}", *_users(change)]
    text = "\n".join([*lines, ", ".join(counts) if changes else "no change"])
    # a server's words must not steer the terminal that shows them
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def _users(change: Change) -> list[str]:
    """Whom a named schema's change meets; elsewhere the path says it."""
    if all(user in change.path for user in change.used_by):
        return []
    more = len(change.used_by) - _MOST_USERS
    rest = f" and {more} more" if more > 0 else ""
    return [f"    in {', '.join(change.used_by[:_MOST_USERS])}{rest}"]


def _bytes(name: str) -> bytes:
    return _fetched(name) if name.startswith(("http://", "https://")) else _file(Path(name))


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidContract(
            f"{path} cannot be read ({error.strerror})", "a file or an http address", "name another"
        ) from error
    _check_size(str(path), len(data))
    return data


def _fetched(url: str) -> bytes:
    import asyncio

    return asyncio.run(_fetch(url))


async def _fetch(url: str) -> bytes:
    import asyncio

    import httpx

    data = bytearray()
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client,
            client.stream("GET", url) as answer,
        ):
            async for part in answer.aiter_bytes():
                data += part
                _check_size(url, len(data))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise ConnectionFailed(
            f"{url} did not send its description within {PATIENCE_S:.0f} s ({error!r})",
            "a running server",
            "look whether it runs, or name a file",
        ) from error
    if answer.status_code != 200:
        raise InvalidContract(
            f"{url} answers {answer.status_code}", "200", "name /openapi.json or /asyncapi.json"
        )
    return bytes(data)


def _check_size(name: str, length_bytes: int) -> None:
    if length_bytes > MOST_BYTES:
        raise PayloadTooLarge(
            f"{name} is larger than {MOST_BYTES:,} bytes", "a description", "name another"
        )
