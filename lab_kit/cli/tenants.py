"""``lab tenants``: what each tenant of a running server may use, and what it has used."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from lab_kit.cli.operator import add_server, operator, refused

if TYPE_CHECKING:
    from lab_kit.client import Operator
    from lab_kit.protocol.tenants import TenantStatus


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_server(command)
    actions = command.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="what each may use, and has used").set_defaults(run=_list)
    change = actions.add_parser("set", help="change what one may; what is not named stays")
    change.add_argument("tenant", help="its name, as its keys have it")
    change.add_argument("--compute", type=float, metavar="S", help="compute-seconds a minute")
    change.add_argument(
        "--burst", type=float, metavar="S", help="compute-seconds at once (default: a minute's)"
    )
    change.add_argument("--streams", type=int, help="live streams at once")
    change.add_argument(
        "--redact",
        metavar="KINDS",
        help="what is taken out of all its results: true, false, or kinds such as card,name",
    )
    change.add_argument("--home-region", metavar="NAME", help="where its own customers are")
    change.add_argument(
        "--allow-region", action="append", metavar="NAME", help="where its speech may go"
    )
    change.add_argument(
        "--consent", action="append", metavar="PURPOSE", help="recognition, retention or training"
    )
    change.add_argument(
        "--retention", type=float, metavar="S", help="the longest that anything is kept"
    )
    change.add_argument(
        "--legal-hold",
        action="store_const",
        const=True,
        help="erase nothing, and let nothing expire",
    )
    change.add_argument(
        "--sound-month", type=float, metavar="S", help="seconds of sound in a calendar month"
    )
    change.add_argument(
        "--unset",
        action="append",
        default=[],
        choices=sorted(_NAMES),
        help="have no such limit or agreement any more; as often as you like",
    )
    change.set_defaults(run=_set)
    paid = actions.add_parser("top-up", help="add sound that was paid for ahead")
    paid.add_argument("tenant", help="its name, as its keys have it")
    paid.add_argument("sound_s", type=float, metavar="S", help="seconds of sound")
    paid.add_argument(
        "--payment", metavar="ID", help="what comes again by the same id adds nothing"
    )
    paid.set_defaults(run=_top_up)


_NAMES = {
    "compute": "compute_s_per_min",
    "burst": "compute_burst_s",
    "streams": "streams",
    "redact": "redact",
    "home-region": "home_region",
    "allow-region": "allowed_regions",
    "consent": "consents",
    "retention": "retention_s",
    "legal-hold": "legal_hold",
    "sound-month": "sound_s_per_month",
}
"""Options, and the settings that they change."""


def _list(options: argparse.Namespace) -> int:
    for one in asyncio.run(operator(options).tenants()):
        _tell(one)
    return 0


def _set(options: argparse.Namespace) -> int:
    _tell(asyncio.run(_changed(operator(options), options)))
    return 0


def _top_up(options: argparse.Namespace) -> int:
    asked = operator(options)
    _tell(asyncio.run(asked.top_up(options.tenant, options.sound_s, options.payment)))
    return 0


async def _changed(asked: "Operator", options: argparse.Namespace) -> "TenantStatus":
    from dataclasses import asdict

    from pydantic import ValidationError

    from lab_kit.protocol.tenants import TenantSettings

    found = [one.settings for one in await asked.tenants() if one.tenant == options.tenant]
    values = asdict(found[0]) if found else {}
    for option, name in _NAMES.items():
        said = getattr(options, option.replace("-", "_"))
        if said is not None:
            values[name] = tuple(said) if isinstance(said, list) else said
        if option in options.unset:
            values.pop(name, None)
    try:
        settings = TenantSettings(**values)
    except ValidationError as error:
        raise refused(error) from error
    return await asked.set_tenant(options.tenant, settings)


def _tell(one: "TenantStatus") -> None:
    settings = one.settings
    rate_s, streams = settings.compute_s_per_min, settings.streams
    rate = "no limit" if rate_s is None else f"{rate_s:g} compute-seconds a minute"
    left = "" if one.compute_left_s is None else f", {one.compute_left_s:.1f} left"
    most = "" if streams is None else f", {streams} streams"
    redacted = "" if settings.redact == "false" else f", redacts {settings.redact}"
    home = "" if settings.home_region is None else f", home in {settings.home_region}"
    kept = "" if settings.retention_s is None else f", kept {settings.retention_s:g} s"
    held = ", LEGAL HOLD" if settings.legal_hold else ""
    sound = "" if one.sound_left_s is None else f", {one.sound_left_s:,.0f} s of sound left"
    near = ", NEAR ITS LIMIT" if one.is_near_limit else ""
    costly = "  COSTLY" if one.is_costly else ""
    used = f"used {one.compute_s:.1f} in {one.works}{costly}"
    print(f"{one.tenant}  {rate}{left}{most}{redacted}{home}{kept}{held}{sound}{near}; {used}")
