"""``lab tenants``: what each tenant of a running server may use, and what it has used."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from lab_kit.cli.operator import add_server, operator, refused

if TYPE_CHECKING:
    from lab_kit.protocol.tenants import TenantStatus


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_server(command)
    actions = command.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="what each may use, and has used").set_defaults(run=_list)
    change = actions.add_parser("set", help="say what one may use; what is left out is unlimited")
    change.add_argument("tenant", help="its name, as its keys have it")
    change.add_argument("--compute", type=float, metavar="S", help="compute-seconds a minute")
    change.add_argument(
        "--burst", type=float, metavar="S", help="compute-seconds at once (default: a minute's)"
    )
    change.add_argument("--streams", type=int, help="live streams at once")
    change.add_argument(
        "--retention", type=float, metavar="S", help="the longest that anything is kept"
    )
    change.add_argument(
        "--legal-hold", action="store_true", help="erase nothing, and let nothing expire"
    )
    change.set_defaults(run=_set)


def _list(options: argparse.Namespace) -> int:
    for one in asyncio.run(operator(options).tenants()):
        _tell(one)
    return 0


def _set(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from lab_kit.protocol.tenants import TenantSettings

    try:
        settings = TenantSettings(
            options.compute,
            options.burst,
            options.streams,
            options.retention,
            options.legal_hold,
        )
    except ValidationError as error:
        raise refused(error) from error
    _tell(asyncio.run(operator(options).set_tenant(options.tenant, settings)))
    return 0


def _tell(one: "TenantStatus") -> None:
    rate_s, streams = one.settings.compute_s_per_min, one.settings.streams
    rate = "no limit" if rate_s is None else f"{rate_s:g} compute-seconds a minute"
    left = "" if one.compute_left_s is None else f", {one.compute_left_s:.1f} left"
    most = "" if streams is None else f", {streams} streams"
    kept_s = one.settings.retention_s
    kept = "" if kept_s is None else f", kept {kept_s:g} s"
    held = ", LEGAL HOLD" if one.settings.legal_hold else ""
    costly = "  COSTLY" if one.is_costly else ""
    used = f"used {one.compute_s:.1f} in {one.works}"
    print(f"{one.tenant}  {rate}{left}{most}{kept}{held}; {used}{costly}")
