"""``lab progress`` and ``lab path``: how far a reader is, and which labs serve which role."""

import argparse
from pathlib import Path

from lab_kit.cli.terminal import write


def add_progress(progress: argparse.ArgumentParser) -> None:
    """The arguments of ``lab progress``."""
    progress.add_argument("--markdown", type=Path, metavar="FILE", help="write it there instead")
    progress.set_defaults(run=_progress)


def add_path(path: argparse.ArgumentParser) -> None:
    """The arguments of ``lab path``."""
    path.add_argument("role", nargs="?", help="one role in detail")
    path.set_defaults(run=_path)


def _progress(options: argparse.Namespace) -> int:
    from lab_kit.course import progress_report

    report = progress_report()
    if options.markdown is None:
        print(report, end="")
        return 0
    write(options.markdown, report)
    return 0


def _path(options: argparse.Namespace) -> int:
    from lab_kit.course import path

    print(path(options.role))
    return 0
