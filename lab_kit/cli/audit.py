"""``lab audit``: what a server says it did, and whether that was changed since.

What is read is asked of the server by its operator's key. What is verified is a folder, by a module
that shares no code with the server (`lab_kit.auditor`).
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.operator import add_server, operator

if TYPE_CHECKING:
    from lab_kit.client import Operator

_FILTERS = {
    "tenant": "whose",
    "action": "such as key.made, or key for all of a kind",
    "key-id": "by which key",
    "request-id": "of which call",
    "stream-id": "of which stream",
    "since": "such as 2026-01-31T12:00:00Z",
    "until": "likewise; the first moment left out",
}


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    show = _asking(actions.add_parser("show", help="print records, oldest first"))
    for name, what in _FILTERS.items():
        show.add_argument(f"--{name}", help=what)
    show.set_defaults(run=_show)
    checkpoint = actions.add_parser("checkpoint", help="print a signed one of all until now")
    _asking(checkpoint).set_defaults(run=_checkpoint)
    key = actions.add_parser("key", help="print what checkpoints are checked with")
    _asking(key).set_defaults(run=_key)
    verify = actions.add_parser("verify", help="say whether a folder's log is the signed one")
    verify.add_argument("folder", type=Path, help="the log's, or a copy of it")
    verify.add_argument("--key", required=True, help="as key prints it; keep it elsewhere")
    verify.add_argument(
        "--against", type=Path, metavar="FILE", help="a checkpoint that was saved elsewhere"
    )
    verify.set_defaults(run=_verify)


def _asking(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add_server(command)
    return command


def _show(options: argparse.Namespace) -> int:
    wanted = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name in _FILTERS}
    asyncio.run(_print_records(operator(options), {k: v for k, v in wanted.items() if v}))
    return 0


async def _print_records(asked: "Operator", wanted: dict[str, str]) -> None:
    async for one in asked.audit_records(**wanted):
        whose = " ".join(part or "-" for part in (one.tenant, one.key_id, one.request_id))
        about = json.dumps(one.about, ensure_ascii=False, sort_keys=True)
        print(f"{one.number:>7}  {one.time}  {one.action:<16}  {whose}  {about}")


def _checkpoint(options: argparse.Namespace) -> int:
    print(asyncio.run(operator(options).audit_checkpoint()).checkpoint, end="")
    return 0


def _key(options: argparse.Namespace) -> int:
    print(asyncio.run(operator(options).audit_checkpoint()).verifier_key)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from lab_kit import auditor

    return auditor.run(options)
