"""Every kind of attack beside callers who speak: what must hold however slow the machine is.

Ten seconds of each, from a fixed seed; FUZZ_SECONDS and FUZZ_SEED choose others. `make fuzz` judges
what depends on the machine, too: by how much later finals come, how long ``/healthz`` takes.
"""

import asyncio
import os
from collections.abc import Iterator

import pytest
from beside import watched
from fuzz import KEY, SEED_VARIABLE
from run_attack import KINDS

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))
SEED = int(os.environ.get(SEED_VARIABLE, "1"))
CLIP = datasets.clip("two-cities-best")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A server of these tests' own, which has served before and lets nobody in without the key."""
    bench = Bench.start(KEY)
    asyncio.run(bench.transcribe(CLIP))
    yield bench
    bench.stop()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_attack_harms_nobody_and_leaves_nothing_behind(bench: Bench, kind: str) -> None:
    # full service however slow it is: this machine may have other work
    await bench.operator.set_degradation_thresholds(rise_s=3_600.0, fill=1_000.0)
    report = await watched(bench, SECONDS, kind, SEED)
    print(report.tally["answers"])
    assert report.faults() == [], "\n".join(report.faults())
    assert report.tally["attempts"] > 0
    after = await bench.transcribe(CLIP)
    assert word_error_rate(CLIP.text, after.text) <= 0.1
    assert bench.readiness().status == 200
