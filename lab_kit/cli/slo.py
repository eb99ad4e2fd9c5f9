"""``lab slo``: objectives from files, and the rules for Prometheus that follow from them."""

import argparse
from pathlib import Path

from lab_kit.core.errors import InvalidParameter
from lab_kit.slo.openslo import MOST_CHARS

_MOST_BYTES = 4 * MOST_CHARS
"""A character of UTF-8 takes up to four."""


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    rules = actions.add_parser("rules", help="print Prometheus' rules for objectives")
    rules.add_argument(
        "file", type=Path, nargs="?", help="OpenSLO documents in YAML (default: those of lab serve)"
    )
    rules.add_argument(
        "--compression",
        type=_compression,
        default=1.0,
        metavar="TIMES",
        help="make all windows shorter than they are named, to try alerts out (default: 1)",
    )
    rules.set_defaults(run=_rules)
    show = actions.add_parser("show", help="print the objectives of lab serve, to start from")
    show.set_defaults(run=_show)


def _compression(text: str) -> float:
    try:
        times = float(text)
    except ValueError:
        times = 0.0
    if not 1 <= times <= 100_000:
        raise argparse.ArgumentTypeError(f"{text}: a number from 1 to 100,000 is expected")
    return times


def _rules(options: argparse.Namespace) -> int:
    from lab_kit.experiments.objectives.alerts import rules_text
    from lab_kit.slo.openslo import read_openslo
    from lab_kit.slo.rules import write_rules

    if options.file is None:
        print(rules_text(options.compression), end="")
    else:
        print(write_rules(read_openslo(_text(options.file)), options.compression), end="")
    return 0


def _show(_: argparse.Namespace) -> int:
    from lab_kit.experiments.objectives.shipped import objectives_text

    print(objectives_text(), end="")
    return 0


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParameter(
            f"{path} ({error})", "OpenSLO documents in UTF-8", "name another file"
        ) from error
