"""``lab keys``: who may call a server, for what, and how long.

A server that runs is asked by its operator's key. Where none runs, the folder that it will be
started with is changed: so that a server can be given its first key before anybody can call it.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.operator import add_server, operator, refused

if TYPE_CHECKING:
    from lab_kit.protocol.api_keys import ApiKey, MadeKey

_DAY_S = 86_400.0
_OFFLINE = "name a running server; keys can be created without one, by --state FOLDER"


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_server(command)
    command.add_argument(
        "--state", type=Path, metavar="FOLDER", help="of a server that does not run, to create in"
    )
    actions = command.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key, and print it this once")
    create.add_argument("--tenant", required=True, help="whose calls its calls are")
    create.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="WORD",
        help="streams, recordings, speech, inference or model:NAME, as often as you like"
        " (default: everything)",
    )
    create.add_argument("--test", action="store_true", help="sk_test_ in place of sk_live_")
    create.add_argument("--streams", type=int, help="at most so many live streams at once")
    create.add_argument("--compute", type=float, metavar="S", help="compute-seconds a minute")
    create.add_argument("--days", type=float, help="how long it is valid (default: for ever)")
    create.set_defaults(run=_create)
    actions.add_parser("list", help="ids, tenants, scopes, standing").set_defaults(run=_list)
    rotate = actions.add_parser("rotate", help="make a new key for the same, and print it")
    rotate.add_argument("id", help="as list prints it")
    rotate.add_argument(
        "--overlap-hours", type=float, default=24.0, help="the old one stays (default %(default)s)"
    )
    rotate.set_defaults(run=_rotate)
    revoke = actions.add_parser("revoke", help="let nobody in with it any more")
    revoke.add_argument("id", help="as list prints it")
    revoke.set_defaults(run=_revoke)


def _create(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from lab_kit.protocol.api_keys import NewKey

    ends_s = None if options.days is None else time.time() + options.days * _DAY_S
    environment = "test" if options.test else "live"
    scope = tuple(options.scope)
    try:
        new = NewKey(
            options.tenant,
            environment,
            scope,
            expires_s=ends_s,
            streams=options.streams,
            compute_s_per_min=options.compute,
        )
    except ValidationError as error:
        raise refused(error) from error
    if options.state is not None and options.url is None:
        from lab_kit.gateway.run.first_keys import make_key

        _tell_made(make_key(options.state, new, os.environ.get("LAB_DATABASE") or None))
        return 0
    _tell_made(asyncio.run(operator(options, _OFFLINE).make_key(new)))
    return 0


def _list(options: argparse.Namespace) -> int:
    _tell(asyncio.run(operator(options, _OFFLINE).keys()))
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    overlap_s = options.overlap_hours * 3_600
    try:
        made = asyncio.run(operator(options, _OFFLINE).rotate_key(options.id, overlap_s))
    except ValidationError as error:
        raise refused(error) from error
    _tell_made(made)
    return 0


def _revoke(options: argparse.Namespace) -> int:
    _tell([asyncio.run(operator(options, _OFFLINE).revoke_key(options.id))])
    return 0


def _tell_made(made: "MadeKey") -> None:
    print(made.key)
    _tell([made.about])


def _tell(keys: "Sequence[ApiKey]") -> None:
    for one in keys:
        scope = " ".join(one.scope) or "everything"
        ends = "" if one.expires_s is None else f"  until {_moment(one.expires_s)}"
        print(f"{one.id}  {one.tenant}  {one.standing}  {scope}{ends}")


def _moment(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_s))
