"""A process that writes what a server used a second time, under other names, as a twin does that
somebody forgot to switch off. Whoever ships the journal cannot know them for the same.
"""

import argparse
import json
import os
import time
from pathlib import Path

from lab_kit.core.child_process import stop_with_parent

LOOK_S = 0.1
SUFFIX = "-again"


def main() -> None:
    """Copy each line of the journal that appears from now on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--usage", type=Path, required=True)
    folder = parser.parse_args().usage
    stop_with_parent(lambda: os._exit(0))
    read: dict[Path, int] = {file: file.stat().st_size for file in folder.glob("*.jsonl")}
    while True:
        for number, line in enumerate(_new_lines(folder, read)):
            event = json.loads(line)
            event["id"] += SUFFIX
            name = f"{time.time_ns()}-{number}{SUFFIX}"
            made = folder / f"{name}.tmp"
            made.write_text(json.dumps(event) + "\n")
            made.rename(folder / f"{name}.jsonl")
        time.sleep(LOOK_S)


def _new_lines(folder: Path, read: dict[Path, int]) -> list[str]:
    """Whole lines that the server has written since, not those that were copied."""
    lines = []
    for file in sorted(folder.glob("*.jsonl")):
        if SUFFIX in file.name:
            continue
        try:
            with file.open("rb") as content:
                content.seek(read.get(file, 0))
                whole, _, _ = content.read().rpartition(b"\n")
        except FileNotFoundError:
            continue  # it has been shipped
        if whole:
            read[file] = read.get(file, 0) + len(whole) + 1
            lines += whole.decode().splitlines()
    return lines


if __name__ == "__main__":
    main()
