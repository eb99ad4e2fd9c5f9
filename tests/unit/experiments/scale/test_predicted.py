"""From measurements to costs to a prediction to its judge, with a server that is the model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scale_samples import crowd

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.scale.contention import contention
from lab_kit.experiments.scale.fitting import Calibration, fit
from lab_kit.experiments.scale.judging import Verdict, judge
from lab_kit.experiments.scale.passes import PassCosts
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Expected, Prediction, keep
from lab_kit.measure.percentiles import percentile
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import serve
from lab_kit.scale.sound import CallerSound

TRUE = ServerCosts(
    encode=0.002, passes=0.0015, row=0.0003, decode=0.004, sound=0.011, caller=0.005, idle=0.01
)


def _measured(callers: list[CallerSound], costs: ServerCosts = TRUE) -> Plateau:
    """What would be measured on a machine that is exactly as the model says."""
    run = serve(callers, costs)
    seconds = max(one.starts_s + one.seconds for one in callers)
    return Plateau(
        streams=len(callers),
        seconds=seconds,
        audio_s=run.audio_s,
        final_delays_s=run.final_delays_s,
        server_cpu_s=run.server_cpu_s,
        device_s=run.device_s,
        finals=run.finals,
        interims=run.interims,
        others=0.0,
        generator_cores=costs.caller * run.audio_s / seconds,
        generator_was_late=False,
    )


def _calibration() -> Calibration:
    crowds = tuple(tuple(crowd(streams)) for streams in (1, 8, 16))
    return Calibration(
        passes=PassCosts(TRUE.encode, TRUE.passes, TRUE.row, TRUE.drafted),
        contention=TRUE.contention,
        sound_cpu_s=TRUE.sound,
        idle_cpu_s=TRUE.idle,
        plateaus=tuple(_measured(list(callers)) for callers in crowds),
        callers=crowds,
        warm_up_s=0.0,
        cores=2,
    )


def test_a_machine_that_is_the_model_is_found_again() -> None:
    costs = fit(_calibration())
    for name in ("encode", "passes", "drafted", "decode", "sound", "caller", "contention", "idle"):
        assert getattr(costs, name) == pytest.approx(getattr(TRUE, name), rel=0.1), name
    assert costs.delay_s == pytest.approx(0.0, abs=0.002)


def test_what_was_fitted_to_few_streams_holds_for_many() -> None:
    said, seen = serve(crowd(32), fit(_calibration())), serve(crowd(32), TRUE)
    assert said.cpu_s_per_audio_s == pytest.approx(seen.cpu_s_per_audio_s, rel=0.1)
    assert percentile(said.final_delays_s, 0.95) == pytest.approx(
        percentile(seen.final_delays_s, 0.95), rel=0.05
    )


def test_full_cores_are_no_faster_than_one() -> None:
    assert contention(1) >= 1.0


def test_streams_without_a_turn_say_so() -> None:
    short = _calibration()
    empty = tuple(replace(plateau, final_delays_s=()) for plateau in short.plateaus)
    with pytest.raises(InvalidParameter, match="hold them for longer"):
        fit(replace(short, plateaus=empty))


def _prediction(plateau: Plateau, times: float = 1.0, crossing: int | None = None) -> Prediction:
    delays_s = plateau.final_delays_s
    expected = Expected(
        plateau.streams,
        percentile(delays_s, 0.5) * times,
        percentile(delays_s, 0.95) * times,
        plateau.cpu_s_per_audio_s * times,
        plateau.decodes_per_audio_s * times,
    )
    return Prediction(TRUE, 10.0, (expected,), crossing)


SEEN = _measured(crowd(24))


@pytest.mark.parametrize(
    ("times", "verdict"),
    [(1.0, Verdict.PASS), (1.14, Verdict.PASS), (1.3, Verdict.FAIL), (0.7, Verdict.FAIL)],
)
def test_within_fifteen_percent_passes(times: float, verdict: Verdict) -> None:
    judgement = judge(_prediction(SEEN, times), [SEEN])
    assert judgement.verdict is verdict
    assert str(verdict) in judgement.table().text


def test_a_noisy_machine_says_nothing() -> None:
    noisy = replace(SEEN, others=0.11)
    assert judge(_prediction(SEEN, 1.3), [noisy]).verdict is Verdict.INCONCLUSIVE
    late = replace(SEEN, generator_was_late=True)
    assert judge(_prediction(SEEN), [late]).verdict is Verdict.INCONCLUSIVE


def test_few_turns_leave_a_wide_interval() -> None:
    few = replace(SEEN, final_delays_s=(0.2, 0.21, 0.25, 0.4))
    figures = judge(_prediction(SEEN), [few]).figures
    p95 = next(figure for figure in figures if "p95" in figure.name)
    assert p95.high == pytest.approx(max(400.0, 400 * 1.15))
    assert p95.low <= 340


@pytest.mark.parametrize(
    ("crossing", "verdict"), [(22, Verdict.PASS), (28, Verdict.PASS), (40, Verdict.FAIL)]
)
def test_the_crossing_is_held_to_a_few_streams(crossing: int, verdict: Verdict) -> None:
    late = replace(SEEN, final_delays_s=tuple(one + 0.2 for one in SEEN.final_delays_s))
    figures = judge(_prediction(late, crossing=crossing), [late]).figures
    found = next(figure for figure in figures if "beyond" in figure.name)
    assert found.verdict is (Verdict.PASS if crossing <= 28 else verdict)


def test_nothing_is_judged_that_was_not_predicted() -> None:
    with pytest.raises(ValueError, match="42"):
        judge(_prediction(SEEN), [replace(SEEN, streams=42)])


def test_a_prediction_is_kept_whole(tmp_path: Path) -> None:
    keep(_prediction(SEEN, crossing=50), tmp_path / "said.json")
    kept = json.loads((tmp_path / "said.json").read_text())
    assert kept["crossing"] == 50
    assert kept["expected"][0]["streams"] == 24
    assert kept["costs"]["encode"] == TRUE.encode
