"""The same weights hear the same words in every runtime; how far fewer bits drift is seen."""

import numpy as np
import pytest
import torch

from lab_kit import datasets
from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip
from lab_kit.experiments import runtimes
from lab_kit.experiments.runtimes import RuntimeReport
from lab_kit.models.device import Device

CPU = Device("cpu", "the test's processor", workers=1)
NAMES = ("two-cities-best", "speech-order-number")


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [datasets.clip(name) for name in NAMES]


@pytest.fixture(scope="module")
def reports(clips: list[Clip]) -> dict[str, RuntimeReport]:
    return {report.name: report for report in runtimes.compare(clips, device=CPU)}


def test_every_runtime_has_its_figures_or_a_reason(reports: dict[str, RuntimeReport]) -> None:
    assert list(reports) == [runtime.name for runtime in runtimes.available(CPU)]
    for runtime in runtimes.available(CPU):
        report = reports[runtime.name]
        assert report.why_not == runtime.why_not
        assert (report.figures is None) == (runtime.why_not is not None)
        assert report.device == CPU.label


def test_in_full_precision_all_hear_the_same(reports: dict[str, RuntimeReport]) -> None:
    for name, report in reports.items():
        if report.precision == "float32" and report.figures is not None:
            assert report.figures.agrees == 1.0, name
            assert report.figures.largest_score_difference < 1e-3, name
            assert report.figures.wer_real == report.figures.wer_synthesized == 0.0, name


def test_fewer_bits_drift_and_take_less_room(reports: dict[str, RuntimeReport]) -> None:
    full = reports["onnxruntime-fp32"].figures
    small = reports["onnxruntime-int8"].figures
    assert full is not None
    assert small is not None
    assert small.size_bytes < full.size_bytes / 2
    assert small.largest_score_difference > 100 * full.largest_score_difference
    assert small.wer_real is not None
    assert small.wer_real <= 0.2


def test_figures_are_of_this_run(reports: dict[str, RuntimeReport]) -> None:
    for report in reports.values():
        if report.figures is not None:
            assert 0 < report.figures.clip_ms_p50 <= report.figures.clip_ms_p95
            assert report.figures.tokens_per_s > 0
            assert report.figures.load_s > 0


def test_a_loaded_runtime_gives_words_and_scores(clips: list[Clip]) -> None:
    loaded = next(r for r in runtimes.available(CPU) if r.name == "onnxruntime-int8").load()
    heard = loaded.transcribe(clips[0].samples)
    assert heard.text == "It was the best of times."
    assert heard.steps == len(heard.tokens) + 1
    scores = loaded.scores(clips[0].samples, heard.tokens)
    assert scores.shape == (heard.steps, 51_864)
    assert scores[-1].argmax() == loaded.rules.end_token
    assert np.isfinite(scores).all()


def test_a_comparison_leaves_the_process_as_it_was(clips: list[Clip]) -> None:
    before = torch.get_num_threads()
    with pytest.raises(InvalidParameter, match=r"no runtime tensorrt.*pytorch-fp32"):
        runtimes.compare(clips, ["tensorrt"], CPU)
    (report,) = runtimes.compare(clips[:1], ["onnxruntime-int8"], CPU)
    assert report.name == "onnxruntime-int8"
    assert torch.get_num_threads() == before
