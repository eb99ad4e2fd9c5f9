"""``lab``: from a terminal what a notebook does from a cell.

Each command imports what it needs when it runs, so that ``lab --help`` is quick and ``lab doctor``
works where something is broken. An error the lab raises on purpose is one sentence on standard
error; any other is a defect and keeps its traceback.
"""

import argparse
import sys
from collections.abc import Sequence

from lab_kit.cli import (
    audit,
    authority,
    call,
    contract,
    course,
    judge,
    keys,
    ledger,
    load,
    models,
    network,
    operations,
    privacy,
    slo,
    speak,
    talk,
    tenants,
)
from lab_kit.cli.terminal import warn
from lab_kit.core.errors import LabError, NotInstalled

_OF_LABS = ("IPython", "hdrh", "hibari", "ipywidgets", "plotly", "sounddevice", "torch")
"""Modules that come with an extra; any other that is missing is a defect."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["serve"]:
            return _serve(given[1:])
        if given[:1] == ["cluster"]:
            return _cluster(given[1:])
        options = _parser().parse_args(given)
        return int(options.run(options))
    except LabError as error:
        warn(str(error))
        return 1
    except ModuleNotFoundError as error:
        if error.name not in _OF_LABS:
            raise
        warn(str(NotInstalled.extra(f"lab {given[0]}", error.name, "labs")))
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for an interrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Serve speech models, and measure.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="say what this machine is and what is missing")
    doctor.set_defaults(run=_doctor)
    models.add(commands.add_parser("models", help="list, fetch and verify the weights"))
    commands.add_parser("serve", help="start the inference server (lab serve --help)")
    commands.add_parser("cluster", help="start servers on several nodes (lab cluster --help)")
    call.add(commands.add_parser("call", help="transcribe a file"))
    speak.add(commands.add_parser("speak", help="have a text spoken, into a file"))
    talk.add(commands.add_parser("talk", help="talk with the server, and be answered"))
    operations.add(commands.add_parser("operations", help="list them, or cancel or forget one"))
    audit.add(commands.add_parser("audit", help="read the audit log, and say whether it is whole"))
    authority.add(
        commands.add_parser("ca", help="print where the certificate of our own authority is")
    )
    contract.add(commands.add_parser("contract", help="say what a new schema breaks"))
    privacy.add(
        commands.add_parser("privacy", help="show, export or erase what is kept of a person")
    )
    keys.add(commands.add_parser("keys", help="make, list, rotate and revoke API keys"))
    tenants.add(commands.add_parser("tenants", help="say what tenants may use, and what they do"))
    ledger.add(commands.add_parser("ledger", help="bill what was used, and explain a bill"))
    slo.add(commands.add_parser("slo", help="make rules for Prometheus of objectives"))
    network.add(commands.add_parser("network", help="put a bad network in front of a server"))
    judge.add(commands.add_parser("judge", help="say whether a live stream keeps its contract"))
    load.add(commands.add_parser("load", help="call a server, many at once, and measure"))
    course.add_progress(commands.add_parser("progress", help="show which exercises were passed"))
    course.add_path(commands.add_parser("path", help="show which labs serve which role"))
    return parser


def _serve(arguments: Sequence[str]) -> int:
    from lab_kit.gateway.run.process import main as serve

    return serve(arguments)


def _cluster(arguments: Sequence[str]) -> int:
    from lab_kit.cluster.process import main as cluster

    return cluster(arguments)


def _doctor(options: argparse.Namespace) -> int:
    from lab_kit.doctor import State, examine

    is_missing = False
    for finding in examine():
        print(finding.line(), flush=True)
        is_missing |= finding.state is State.MISSING
    return int(is_missing)
