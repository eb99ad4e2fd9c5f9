"""Load, versions, caches and cold starts as pictures: what must be in them, and in their tables."""

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from card_faults import guess_marks, texts, words_at

from lab_kit.client import CacheFrame, CacheUse, ShadowPair, ShadowReport, VersionStatus
from lab_kit.core.call_record import StageSpan
from lab_kit.experiments.cold_start import RECIPES, ColdStart
from lab_kit.experiments.load import (
    Constant,
    DeviceRecord,
    DeviceSample,
    GpuSample,
    OfferedRequest,
    OpenLoopRun,
    Source,
)
from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.load.frontier import (
    draw_frontier,
    frontier,
    frontier_verdict,
    signed_verdict,
    tabulate_frontier,
)
from lab_kit.show.load.offered import draw_offered, idle_verdict, tabulate_offered
from lab_kit.show.load.offering import LiveFigure
from lab_kit.show.serving.cache import draw_cache, tabulate_cache
from lab_kit.show.serving.runtimes import (
    draw_runtimes,
    fastest_verdict,
    runtimes,
    tabulate_runtimes,
)
from lab_kit.show.serving.starts import (
    cold_starts,
    draw_cold_starts,
    longest_verdict,
    tabulate_cold_starts,
)
from lab_kit.show.serving.versions import tabulate_shadow, tabulate_versions

MS = 1_000_000


def offered(waits_ms: list[float | None], rate_per_s: float = 10.0) -> OpenLoopRun:
    """Requests of one second of audio each, answered after so long, or never."""
    seconds = len(waits_ms) / rate_per_s
    requests = []
    for number, wait_ms in enumerate(waits_ms):
        due_ns = round(number / rate_per_s * 1e9)
        received_ns = None if wait_ms is None else due_ns + round(wait_ms * MS)
        error = "no answer" if wait_ms is None else None
        requests.append(OfferedRequest(due_ns, due_ns, received_ns, 1.0, "", error))
    return OpenLoopRun(Constant(rate_per_s, seconds), tuple(requests), 0, 0.0, 0.1)


def circles(svg: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(svg).findall("{http://www.w3.org/2000/svg}circle")


def test_a_frontier_has_a_point_a_run_and_the_line() -> None:
    runs = {"naive": [offered([100] * 10), offered([900] * 10)], "engine": [offered([50] * 10)]}
    svg = draw_frontier(runs).render()
    assert len(circles(svg)) == 3
    assert ">naive<" in svg, "a line has its name at its end"
    assert "limit 300 ms: intended send → answer" in svg
    rows = tabulate_frontier(runs).text.splitlines()
    assert len(rows) == 4
    assert rows[1].split()[:2] == ["naive", "10.0"]
    assert "indicative" in rows[1]


def test_a_guess_is_marked_at_its_line_and_held_against_the_best(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = {"naive": [CALM, LATE], "engine": [CALM, CALM]}
    guessed = draw_frontier(runs, said="naive").render()
    assert "you said naive" in texts(guessed)
    assert len(guess_marks(guessed)) == 1
    assert guess_marks(draw_frontier(runs).render()) == []
    frontier(runs, guess=Guess(value="naive"))
    frontier(runs, guess=Guess(value="engine"))
    frontier(runs, guess=Guess())
    told = capsys.readouterr().out
    assert "You said naive; it was engine." in told
    assert "You said engine, and so it was." in told
    assert "No guess; it was engine." in told


CALM, LATE, LOST = offered([100] * 10), offered([900] * 10), offered([None] * 10)
GROWN = offered([100 + 100 * number for number in range(12)])


@pytest.mark.parametrize(
    ("naive", "engine", "told"),
    [
        ([CALM, LATE], [CALM, CALM], "engine has the lowest p95: 100 ms; naive 900 ms."),
        ([CALM, CALM], [CALM, LATE], "naive has the lowest p95: 100 ms; engine 900 ms."),
        (
            [CALM, GROWN],
            [CALM, CALM],
            "with a queue that grew to the end: naive; not full: engine.",
        ),
        ([CALM, GROWN], [CALM, LOST], "with a queue that grew to the end: naive, engine."),
        ([CALM, CALM], [CALM, CALM], "nobody was full at these rates"),
        # a policy that makes everybody wait is slow and not full
        ([CALM, LATE], [CALM, CALM], "nobody was full at these rates"),
    ],
)
def test_who_leads_and_who_is_full_follows_from_the_run(
    naive: list[OpenLoopRun], engine: list[OpenLoopRun], told: str
) -> None:
    assert told in frontier_verdict({"naive": naive, "engine": engine})


def test_points_that_prove_no_percentile_are_hollow_and_a_void_run_is_grey() -> None:
    few, enough = offered([100] * 58), offered([100] * 59)
    assert [c.get("fill") for c in circles(draw_frontier({"a": [few, enough]}).render())] == [
        theme.PAPER,
        theme.COMPUTE,
    ]
    void = replace(enough, generator_cores=1.0)
    svg = draw_frontier({"a": [void]}).render()
    assert [c.get("fill") for c in circles(svg)] == [theme.NEUTRAL]
    verdict = signed_verdict({"a": [void]})
    assert verdict.sign is Sign.UNSAID
    assert verdict.told.startswith("Void at the highest rate: the generator")


def test_one_rate_is_no_frontier() -> None:
    assert "takes several rates" in frontier_verdict({"4 in 20 ms": [CALM]})
    assert signed_verdict({"4 in 20 ms": [CALM]}).sign is Sign.UNSAID


def test_what_is_never_answered_is_late_beyond_the_picture_and_counted() -> None:
    runs = {"full": [offered([100] * 5 + [None] * 5)]}
    assert "never" in tabulate_frontier(runs).text
    assert " 5 " in tabulate_frontier(runs).text
    heights = [float(circle.attrib["cy"]) for circle in circles(draw_frontier(runs).render())]
    assert all(math.isfinite(height) for height in heights)


def sample(at_s: float, gpu: GpuSample | None = None) -> DeviceSample:
    return DeviceSample(at_s, (0.5, 0.25), at_s, 400_000_000, gpu)


def test_the_strip_says_whose_figures_it_shows() -> None:
    run = offered([100, 400, None])
    system = DeviceRecord(
        Source.OPERATING_SYSTEM, "2 cores", tuple(sample(t / 10) for t in range(4))
    )
    drawing = draw_offered(run, system, "A run")
    svg = drawing.render()
    assert "strip: operating system" in drawing.notes
    assert "cores that the server kept busy, of 2" in svg
    assert "1.00 of 2" in tabulate_offered(run, system).text
    gpu = GpuSample(0.4, 2_000_000_000, 50.0)
    nvml = DeviceRecord(Source.NVML, "A GPU", tuple(sample(t / 10, gpu) for t in range(4)))
    drawing = draw_offered(run, nvml, "A run")
    svg = drawing.render()
    assert "strip: NVML" in drawing.notes
    assert "cores" not in svg
    assert "0.40 of 1" in tabulate_offered(run, nvml).text


@pytest.mark.parametrize(
    ("waits_ms", "cores_s", "told"),
    [
        ([50, 150, 50], 0.5, "1 of 3 requests came while an earlier one was not answered yet. "
         "It was idle and had a queue in the same run."),
        ([50, 60, 70], 0.5, "Nobody met anybody"),
        ([50, 150, 50], 2.0, "It had no gaps left."),
        ([50, None, 50], 0.5, "Nobody met anybody"),
    ],
)  # fmt: skip
def test_whether_it_was_idle_while_somebody_waited_follows_from_the_run(
    waits_ms: list[float | None], cores_s: float, told: str
) -> None:
    looks = tuple(
        DeviceSample(float(t), (0.5, 0.25), t * cores_s, 400_000_000, None) for t in range(4)
    )
    device = DeviceRecord(Source.OPERATING_SYSTEM, "2 cores", looks)
    assert told in idle_verdict(offered(waits_ms), device)


def test_the_fastest_runtime_is_named_from_the_run() -> None:
    def took(name: str, clip_ms: float) -> RuntimeReport:
        figures = RuntimeFigures(1, 0.0, 0.2, clip_ms, 700.0, 60.0, 0.036, None, 0.0, 1.0)
        return RuntimeReport(name, "float32", "how", "cpu", figures, None)

    missing = RuntimeReport("gone", "float16", "how", "cpu", None, "no GPU")
    told = fastest_verdict([took("eager", 100.0), took("graph", 140.0), missing])
    assert told == "Fastest here: eager, 100 ms a clip; graph took 1.4x."
    assert fastest_verdict([took("eager", 100.0), took("graph", 50.0)]).startswith(
        "Fastest here: graph, 50 ms"
    )
    assert "nothing else ran" in fastest_verdict([took("eager", 100.0), missing])


def test_the_longest_phase_of_a_start_is_named_from_the_run() -> None:
    imports = (StageSpan("imports", 0, 3), StageSpan("weights read", 3, 4))
    weights = (StageSpan("imports", 0, 1), StageSpan("weights read", 1, 4))
    first, second = (
        ColdStart(recipe, phases, 0.25, "cpu")
        for recipe, phases in zip(RECIPES, (imports, weights), strict=False)
    )
    told = longest_verdict([first, second])
    assert f"{first.recipe.name}: 4.0 s to the first answer." in told
    assert "The longest phase is imports in 1 of 2, weights read in 1 of 2." in told


class Watched:
    """A device watch whose looks are given."""

    def __init__(self) -> None:
        self.samples: tuple[DeviceSample, ...] = (sample(0.0),)

    def taken(self) -> DeviceRecord:
        return DeviceRecord(Source.OPERATING_SYSTEM, "2 cores", self.samples)


def test_a_moving_picture_follows_answers_and_device() -> None:
    run, watched = offered([100, 5_000, None]), Watched()
    moving = LiveFigure(run.arrivals, watched, "A run")  # type: ignore[arg-type]
    moving.stop()
    for due_s, request in zip((0.0, 0.1, 0.2), run.requests, strict=True):
        moving.hear(due_s, request)
    watched.samples = tuple(sample(t / 10) for t in range(4))
    moving.draw()
    data = moving.plot.figure["data"]
    dots, late, never = (trace for trace in data if trace["mode"] == "markers")
    assert [len(trace["x"]) for trace in (dots, late, never)] == [1, 1, 1]
    assert dots["x"] < late["x"] < never["x"], "in the order in which they were due"
    assert never["y"] < late["y"] < dots["y"], "one on the edge, one above it"
    (words,) = (trace for trace in data if trace["mode"] == "text")
    assert words["text"] == ["5,000"]
    assert "limit 300 ms" in moving.plot.card


def test_the_still_picture_has_each_answer_where_the_moving_one_had_it() -> None:
    run, watched = offered([100, 250]), Watched()
    moving = LiveFigure(run.arrivals, watched, "A run")  # type: ignore[arg-type]
    moving.stop()
    for due_s, request in zip((0.0, 0.1), run.requests, strict=True):
        moving.hear(due_s, request)
    moving.draw()
    dots = next(t for t in moving.plot.figure["data"] if t["mode"] == "markers")
    circles = ElementTree.fromstring(draw_offered(run, watched.taken(), "A run").render()).iter(
        "{http://www.w3.org/2000/svg}circle"
    )
    drawn = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    places = zip(dots["x"], dots["y"], strict=True)
    assert drawn == [pytest.approx(place, abs=1e-3) for place in places]


def test_a_cold_start_is_cut_into_phases_that_end_at_the_answer() -> None:
    phases = (
        StageSpan("process start", 0, 0.2),
        StageSpan("imports", 0.2, 3.2),
        StageSpan("session", 3.2, 4),
    )
    start = ColdStart(RECIPES[3], (*phases, StageSpan("first inference", 4, 4.5)), 0.25, "cpu")
    waiting = ColdStart(RECIPES[-1], (StageSpan("first inference", 0, 0.25),), 0.25, "cpu")
    svg = draw_cold_starts([start, waiting]).render()
    assert "imports: 3.00 s" in svg
    assert "4.50 s" in svg
    head, first, second = tabulate_cold_starts([start, waiting]).text.splitlines()
    assert "imports" in head
    assert first.split()[-2:] == ["4.50", "250"]
    assert second.split()[-2:] == ["0.25", "250"]
    with pytest.raises(ValueError, match="no starts"):
        cold_starts([])


def cache_use() -> CacheUse:
    frames = (
        CacheFrame(1, 0, 0, ((0, 8, 0),)),
        CacheFrame(2, 6, 3, ((1, 4, 2), (2, 2, 1), (0, 2, 0))),
        CacheFrame(3, 2, 2, ((-2, 4, 4), (-1, 2, 2), (0, 2, 0))),
    )
    return CacheUse(12_288, 614_400, 8, frames)


def test_a_cache_moves_through_its_frames_and_stands_at_the_fullest() -> None:
    root = ElementTree.fromstring(draw_cache({"paged": cache_use()}).render())
    groups = root.findall("{http://www.w3.org/2000/svg}g")[1:]  # the first is the ground
    assert [group.attrib["visibility"] for group in groups] == ["hidden", "visible", "hidden"]
    shown = [g.find("{http://www.w3.org/2000/svg}animate").attrib for g in groups]
    assert [a["values"] for a in shown] == [
        "visible;hidden",
        "hidden;visible;hidden",
        "hidden;visible",
    ]
    # three frames, the fullest of which stays as long as sixteen others
    assert [a["keyTimes"] for a in shown] == ["0;0.056", "0;0.056;0.944", "0;0.944"]


def test_what_is_reserved_and_empty_is_drawn_lower_than_what_is_written() -> None:
    root = ElementTree.fromstring(draw_cache({"paged": cache_use()}).render())
    group = root.findall("{http://www.w3.org/2000/svg}g")[2]
    bars = group.findall("{http://www.w3.org/2000/svg}rect")
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights[0] > heights[1] == heights[3]
    assert heights[0] == heights[2] == heights[4]


def test_the_waste_is_what_was_reserved_over_all_frames_and_held_nothing() -> None:
    use = cache_use()
    assert use.waste == pytest.approx(3 / 8)
    assert use.fullest is use.frames[1]
    assert tabulate_cache({"paged": use}).text.splitlines()[1].split() == [
        "paged", "8", "12.3", "3", "6", "3", "50", "%", "38", "%",
    ]  # fmt: skip


def test_versions_are_listed_with_what_they_are_to_callers_and_why_they_failed() -> None:
    states = [
        VersionStatus(1, "ready", ("production",), None, "", {}, "", 4),
        VersionStatus(2, "ready", ("canary",), 0.2, "", {"tokens_per_audio_s": 3.0}, "", 1),
        VersionStatus(3, "failed", (), None, "its weights are damaged", {}, "", 0),
    ]
    _, first, second, third, why = tabulate_versions(states).text.splitlines()
    assert first.split() == ["1", "ready", "production", "4"]
    assert "canary of 20 %" in second
    assert "tokens_per_audio_s=3.0" in second
    assert third.split() == ["3", "failed", "0"]
    assert why == "3: its weights are damaged"


def test_a_shadow_is_told_with_the_pairs_that_differ() -> None:
    pair = ShadowPair(2.0, "the age of wisdom", "the age of", 0.25)
    told = tabulate_shadow(ShadowReport(2, 3, 1, 0, 0, 0.0625, (pair,)))
    assert "4 answers compared, 1 differ" in told
    assert "6.2 %" in told
    assert "'the age of'" in told


def ran(name: str, size_bytes: int, wer: float | None) -> RuntimeReport:
    figures = RuntimeFigures(size_bytes, 0.1, 0.2, 300.0, 400.0, 90.0, wer, None, 0.1, 0.9)
    return RuntimeReport(name, "int8", "quantized", "cpu (2 cores)", figures, None)


def test_a_runtime_is_drawn_with_its_size_time_and_errors_or_says_why_not() -> None:
    reports = [
        ran("fp32", 151_000_000, 0.036),
        ran("int8", 61_000_000, None),
        RuntimeReport("fp16", "float16", "eager", "cpu (2 cores)", None, "a GPU's affair"),
    ]
    svg = draw_runtimes(reports).render()
    assert all(told in svg for told in ("151", "61", "300", "3.6 %", "fp32", "int8"))
    assert "fp16" not in svg
    table = tabulate_runtimes(reports).text
    assert "fp16: a GPU's affair" in table
    assert table.count("cpu (2 cores)") == 1
    assert max(map(len, table.splitlines())) < 100, "it fits beside an open side bar"
    with pytest.raises(ValueError, match="no runtime ran"):
        runtimes(reports[2:])


def test_a_guess_is_marked_at_its_runtime_and_held_against_the_fastest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = ran("int8", 61_000_000, None)
    fast = ran("fp32", 151_000_000, None)
    assert fast.figures is not None
    fast = replace(fast, figures=replace(fast.figures, clip_ms_p50=100.0))
    picture = draw_runtimes([fast, slow], "int8").render()
    ((_, y),) = guess_marks(picture)
    names = words_at(picture)
    assert names["fp32"][1] < y < names["int8"][1]
    assert "you said" not in texts(draw_runtimes([fast, slow], "never ran").render())
    runtimes([fast, slow], guess=Guess(value="int8"))
    assert "You said int8; it was fp32." in capsys.readouterr().out
