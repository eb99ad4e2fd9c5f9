"""What a model of the server says of 24, 32 and 42 streams, and what they then see.

    .venv/bin/python tests/benchmarks/predicted.py [--seconds 60] [--streams 24,32,42]
                                                   [--rounds 1] [--json FILE]

Measures the model's graphs by themselves, silence, and 1, 8 and 16 streams, derives the costs from
that, writes its prediction to ``--json`` (by default predicted.json in a temporary
folder) *before* the streams that it is about are tried, then tries them and judges: PASS within
15 % or the measured percentile's own interval, INCONCLUSIVE where others took more than a tenth of
the machine. The server refuses nobody meanwhile and leaves out no interim, see
`experiments.scale.plateaus`.

Leaves 1 where a figure failed, 2 where none did and some are inconclusive.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from lab_kit.bench import Bench
from lab_kit.datasets import Clip, clips
from lab_kit.experiments.scale.calibrating import calibrate
from lab_kit.experiments.scale.fitting import fit
from lab_kit.experiments.scale.judging import Judgement, Verdict, judge
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Prediction, keep, predict, tried

CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 2}


async def predicted(bench: Bench, speech: list[Clip], options: argparse.Namespace) -> Prediction:
    """Measure few streams, and say what more will see."""
    measured = await calibrate(bench, speech, options.seconds)
    for plateau in measured.plateaus:
        print(told(plateau))
    costs = fit(measured)
    print(costs)
    return predict(costs, speech, options.seconds, wanted(options))


def told(plateau: Plateau) -> str:
    """One line."""
    return (
        f"{plateau.streams:3} streams: CPU {plateau.cpu_s_per_audio_s:.4f}, "
        f"decodes {plateau.decodes_per_audio_s:.2f} per audio s, n={len(plateau.final_delays_s)}, "
        f"others {plateau.others:.0%}"
    )


def wanted(options: argparse.Namespace) -> list[int]:
    """The numbers of streams that were asked for."""
    return [int(part) for part in options.streams.split(",")]


async def measure(options: argparse.Namespace) -> Judgement:
    """Predict, keep that, try, judge."""
    speech = list(clips(is_held_out=True))
    file = options.json or Path(tempfile.mkdtemp()) / "predicted.json"
    bench = Bench.start()
    try:
        prediction = await predicted(bench, speech, options)
        keep(prediction, file)
        print(f"kept in {file}")
        print(prediction.table())
        seen = await tried(bench, prediction, speech, options.rounds)
        print(*map(told, seen), sep="\n")
    finally:
        bench.stop()
    judgement = judge(prediction, seen)
    print(judgement.table())
    found = asdict(prediction) | {"measured": [asdict(plateau) for plateau in seen]}
    file.write_text(json.dumps(found | {"verdict": judgement.verdict}, indent=1) + "\n", "utf-8")
    return judgement


def main() -> int:
    """Run, and say by the exit code what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--streams", default="24,32,42")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where the prediction is kept, and what came")
    return CODES[asyncio.run(measure(parser.parse_args())).verdict]


if __name__ == "__main__":
    sys.exit(main())
