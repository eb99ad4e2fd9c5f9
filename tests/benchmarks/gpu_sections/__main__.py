"""Looks at this machine, or measures one section: what `gpu.py` does not do in its own process.

Called as ``python -m gpu_sections`` it prints the facts as JSON; so a runtime that cannot even be
imported takes nobody along, and no memory of the GPU stays taken. With SECTION GPU FILE behind it,
it measures that section on the GPU of that name, and writes a line of JSON for each finding.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from gpu_sections import SECTIONS
from gpu_sections.facts import look


def main() -> None:
    """Look, if nothing is named; else measure."""
    if len(sys.argv) == 1:
        print(json.dumps(asdict(look())))
    else:
        measure(*sys.argv[1:])


def measure(name: str, gpu: str, file: str) -> None:
    """Measure a section; what was found before anything fails is in the file."""
    (section,) = (each for each in SECTIONS if each.name == name)
    with Path(file).open("w", encoding="utf-8") as findings:
        for row in section.measure(gpu):
            print(json.dumps(asdict(row)), file=findings, flush=True)


if __name__ == "__main__":
    main()
