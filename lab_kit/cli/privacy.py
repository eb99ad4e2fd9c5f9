"""``lab privacy``: what a running server keeps of a person: shown, handed over, erased."""

import argparse
import asyncio
from pathlib import Path

from lab_kit.cli.operator import add_server, operator
from lab_kit.core.errors import InvalidParameter

HELD = 1
"""The status where nothing was erased, since the tenant is under a legal hold."""


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    show = _about(actions.add_parser("show", help="print what is kept, by name and time"))
    show.set_defaults(run=_show)
    export = _about(actions.add_parser("export", help="write all of it to a file"))
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new ZIP file")
    export.set_defaults(run=_export)
    erase = _about(actions.add_parser("erase", help="erase all of it, and destroy its key"))
    erase.set_defaults(run=_erase)


def _about(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add_server(command)
    command.add_argument("--tenant", required=True, help="whose callers sent it")
    command.add_argument("--subject", required=True, help="the person, as X-Subject has it")
    return command


def _show(options: argparse.Namespace) -> int:
    kept = asyncio.run(operator(options).kept_of(options.tenant, options.subject))
    for one in kept.items:
        size = "" if one.size_bytes is None else f"  {one.size_bytes:,} bytes"
        print(f"{one.store:14}  {one.name}  {one.create_time} to {one.expire_time}{size}")
    held = "; a legal hold keeps it" if kept.is_held else ""
    print(f"{len(kept.items)} things are kept of {kept.subject}{held}")
    return 0


def _export(options: argparse.Namespace) -> int:
    try:
        asyncio.run(operator(options).export_of(options.tenant, options.subject, options.out))
    except OSError as error:
        raise InvalidParameter(
            f"--out {options.out} ({error.strerror})", "a file that is not there", "name another"
        ) from error
    print(f"written to {options.out}")
    return 0


def _erase(options: argparse.Namespace) -> int:
    erased = asyncio.run(operator(options).erase(options.tenant, options.subject))
    for what, counts in (("erased", erased.erased), ("held, not erased", erased.held)):
        for store, count in counts.items():
            print(f"{what}: {count} {store}")
    print(f"key destroyed: {'yes' if erased.is_key_destroyed else 'no'}")
    return HELD if erased.held else 0
