"""What the GPU path does on this machine's NVIDIA GPU, in under eight minutes, without a network.

    python tests/benchmarks/gpu.py [--json FILE]

Measures what `gpu_sections` lists, each in a process of its own that is ended when its share of the
time is over, and prints a table in Markdown: what was found, or why it was not run. It gets along
with whatever is installed; to be told what is missing takes the standard library alone.

Exits with 1 if a section failed or was ended, or found what contradicts a promise of the GPU path.
Without a GPU it says so, runs the tests of what it would select, and exits with their status.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from gpu_sections import SECTIONS
from gpu_sections.facts import Facts
from gpu_sections.section import Row, Section

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOOK_S = 45.0
"""Importing both runtimes and hashing the weights; a GPU that slept takes seconds to wake."""
SAID_LINES = 3
"""Of what a failed section said last: a traceback ends with what was wrong."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a section.

    Attributes:
        skipped: why it was not started; None if it was.
        failed: how it went wrong; None if it came to its end.
        rows: what it found, until it failed if it did.
    """

    section: str
    rows: tuple[Row, ...] = ()
    skipped: str | None = None
    failed: str | None = None
    took_s: float = 0.0

    @property
    def is_as_promised(self) -> bool:
        """Whether nothing failed and no promise was broken."""
        return self.failed is None and all(row.breaks is None for row in self.rows)


def main() -> int:
    """Look, measure, print; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the findings here, too")
    options = parser.parse_args()
    with scratch() as environment:
        facts = look(environment)
        if facts.gpu is None:
            print(f"No NVIDIA GPU answers here ({facts.machine}): nothing is measured.", flush=True)
            return selection_tests()
        outcomes = tuple(measured(facts.gpu, facts, environment))
    print(f"\n{facts.machine}\n\n{table(outcomes)}\n\n{summary(outcomes)}")
    if options.json is not None:
        told = {"machine": facts.machine, "sections": [asdict(each) for each in outcomes]}
        options.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return int(not all(outcome.is_as_promised for outcome in outcomes))


def look(environment: dict[str, str]) -> Facts:
    """What is here.

    Raises:
        subprocess.SubprocessError: looking itself failed; what it said is on the terminal.
    """
    command = [sys.executable, "-m", "gpu_sections"]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, timeout=LOOK_S, check=True, text=True
    )
    return Facts(**json.loads(done.stdout.splitlines()[-1]))  # a package may print, too


def measured(gpu: str, facts: Facts, environment: dict[str, str]) -> Iterator[Outcome]:
    """Every section's outcome, told as it comes."""
    for section in SECTIONS:
        outcome = chosen(section, gpu, facts, environment)
        what = outcome.skipped or outcome.failed or f"done in {outcome.took_s:.0f} s"
        print(f"{section.name}: {what}", flush=True)
        yield outcome


def chosen(section: Section, gpu: str, facts: Facts, environment: dict[str, str]) -> Outcome:
    """A section carried out, or skipped for what it lacks."""
    why_not = section.why_not(facts)
    if why_not is not None:
        return Outcome(section.name, skipped=why_not)
    command = [sys.executable, "-m", "gpu_sections", section.name, gpu]
    return carried_out(section.name, section.limit_s, command, environment)


def carried_out(
    name: str, limit_s: float, command: Sequence[str], environment: dict[str, str]
) -> Outcome:
    """Run the command, with a file for its findings as last word; end it when its time is over."""
    with tempfile.TemporaryDirectory() as folder:
        findings, said = Path(folder) / "findings", Path(folder) / "said"
        began_s = time.perf_counter()
        with said.open("w") as output:
            process = subprocess.Popen(
                [*command, str(findings)],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            failed = _ended(process, limit_s)
        took_s = time.perf_counter() - began_s
        if failed is None and process.returncode:
            last = said.read_text(errors="replace").splitlines()[-SAID_LINES:]
            failed = f"failed with code {process.returncode}: {' / '.join(last)}"
        lines = findings.read_text("utf-8").splitlines() if findings.exists() else []
        rows = tuple(Row(**json.loads(line)) for line in lines)
    return Outcome(name, rows, failed=failed, took_s=took_s)


def _ended(process: "subprocess.Popen[bytes]", limit_s: float) -> str | None:
    """Wait for it, or end it and what it started; says so if it had to be ended."""
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"ended: it had not finished after its {limit_s:.0f} s"
    finally:
        if process.poll() is None:  # also when we are interrupted
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return None


@contextmanager
def scratch() -> Iterator[dict[str, str]]:
    """The environment of every child, with a folder for what it leaves when it is ended."""
    with tempfile.TemporaryDirectory(prefix="lab-gpu-", ignore_cleanup_errors=True) as folder:
        environment = dict(os.environ)
        environment.pop("LAB_DEVICE", None)  # would keep the GPU out
        paths = [str(ROOT), str(HERE), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        # NVML counts so, and its first GPU is the one whose figures are taken
        environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        yield environment | {"TMPDIR": folder}


def table(outcomes: Sequence[Outcome]) -> str:
    """All that was found, in Markdown, to be pasted into docs/gpu.md."""
    lines = ["| section | of | found |", "|---|---|---|"]
    for outcome in outcomes:
        for of, found in _told(outcome):
            cells = (outcome.section, of, found)
            escaped = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
            lines.append(f"| {' | '.join(escaped)} |")
    return "\n".join(lines)


def _told(outcome: Outcome) -> Iterator[tuple[str, str]]:
    for row in outcome.rows:
        yield row.of, row.found + (f"; **BROKEN: {row.breaks}**" if row.breaks else "")
    if outcome.skipped is not None:
        yield "", f"not run: {outcome.skipped}"
    if outcome.failed is not None:
        yield "", f"**FAILED**: {outcome.failed}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many sections ran, and which of them did not do what was promised."""
    ran = [each for each in outcomes if each.skipped is None]
    broken = [each.section for each in ran if not each.is_as_promised]
    took_s = sum(each.took_s for each in outcomes)
    if not ran:
        return f"None of {len(outcomes)} sections could run, so nothing is shown"
    verdict = f"NOT as promised: {', '.join(broken)}" if broken else "none contradicts a promise"
    return f"{len(ran)} of {len(outcomes)} sections ran, in {took_s:.0f} s; {verdict}"


def selection_tests() -> int:
    """Run the tests of which sections are chosen; their status."""
    if find_spec("pytest") is None:
        print("The tests of what is selected need pytest, which is not installed: make tools")
        return 1
    print("Running the tests of what is selected instead:", flush=True)
    tests = HERE / "test_gpu_sections.py"
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "no:nbval", tests]).returncode


if __name__ == "__main__":
    sys.exit(main())
