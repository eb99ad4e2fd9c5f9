"""``lab load``: many callers at once, and what they saw."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.terminal import amount, amount_or_none, count, server, warn, write
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import PriorityClass

if TYPE_CHECKING:
    from lab_kit.experiments.load import CallPlan


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    plans = command.add_mutually_exclusive_group(required=True)
    plans.add_argument("--streams", type=count, metavar="N", help="N callers, until the end")
    plans.add_argument("--rate", type=amount, metavar="R", help="R calls a second, at random")
    plans.add_argument("--every", type=amount, metavar="S", help="a call every S seconds")
    plans.add_argument("--closed", type=count, metavar="N", help="N callers, call after call")
    command.add_argument("--seconds", type=amount, default=30.0, help="default %(default)s")
    command.add_argument("--call-s", type=amount, default=12.0, help="length of a call")
    command.add_argument("--think-s", type=amount, default=0.8, help="mean pause between sentences")
    command.add_argument("--warm-up-s", type=amount_or_none, default=5.0, help="is not counted")
    command.add_argument("--seed", type=int, default=6, help="of arrivals and of what is said")
    command.add_argument(
        "--priority", choices=list(PriorityClass), default=PriorityClass.INTERACTIVE
    )
    command.add_argument(
        "--json", type=Path, metavar="FILE", help="write figures and raw turns there"
    )
    command.add_argument("--url", help="a running server; without it one is started for this run")
    command.add_argument("--key", help="the server's key")
    command.set_defaults(run=_load)


def _load(options: argparse.Namespace) -> int:
    from lab_kit import client, datasets
    from lab_kit.bench import Caller
    from lab_kit.core.events import StreamOptions
    from lab_kit.experiments import load
    from lab_kit.experiments.load.report import as_json
    from lab_kit.show.load.load import tabulate_load

    plan, speech = _call_plan(options), datasets.clips(is_held_out=False)
    shortest_s = min(clip.duration_s for clip in speech)
    if options.seconds <= shortest_s:
        raise InvalidParameter(
            f"{options.seconds:g} s of load",
            f"more than {shortest_s:.1f} s, in which the shortest clip can be said",
            "pass more with --seconds",
        )
    with server(options.url, options.key) as url:
        run = asyncio.run(
            load.call_all(
                Caller(client.ServerAddress(url, options.key), "its own choice"),
                plan,
                [clip for clip in speech if clip.duration_s < options.seconds],
                options=StreamOptions(priority_class=PriorityClass(options.priority)),
                think_s=options.think_s,
                warm_up_s=options.warm_up_s,
                seed=options.seed,
            )
        )
    if not run.calls:
        raise InvalidParameter(
            f"a plan without a call in {options.seconds:g} s",
            "at least one",
            "pass more --seconds, or let calls come sooner",
        )
    print(tabulate_load([run]).text)
    if options.json is not None:
        write(options.json, json.dumps(as_json(run), indent=1))
    if run.ended(load.CallEnding.COMPLETE):
        return 0
    warn(f"no call came to its end; the first ended so: {run.calls[0].error}")
    return 1


def _call_plan(options: argparse.Namespace) -> "CallPlan":
    from lab_kit.experiments.load import ClosedCalls, Constant, OpenCalls, Poisson, Stairs

    if options.streams is not None:
        return Stairs((options.streams,), options.seconds)
    if options.closed is not None:
        return ClosedCalls(options.closed, options.call_s, options.seconds)
    if options.every is not None:
        return OpenCalls(Constant(1 / options.every, options.seconds), options.call_s)
    return OpenCalls(Poisson(options.rate, options.seconds, options.seed), options.call_s)
