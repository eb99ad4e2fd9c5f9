"""What a reader sees: a live plot that moves, pictures that stay, servers that die with kernels."""

import os
import shutil
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import nbformat
import psutil
import pytest
from notebook_page import GONE, LOOKED_FOR_MS, Lab, NotebookPage, errors_of, eventually
from playwright.sync_api import Page

from lab_kit.show.draw.display import LEAST_WIDTH_PX, MOST_WIDTH_PX

pytestmark = pytest.mark.browser

LABS = Path(__file__).parents[2] / "labs"
LAB = "00_orientation.ipynb"
"""In full length; nbval runs all of them, in short."""
PLOT = ".js-plotly-plot"
WATCH = f"""() => {{
    window.watching?.disconnect();
    const seen = [];
    let plot = null, draws = 0;
    const look = () => {{
        if (!plot._fullData?.length) return;
        const points = plot._fullData.reduce((sum, one) => sum + (one.x?.length ?? 0), 0);
        if (points === seen.at(-1)?.points) return;
        const box = plot.getBoundingClientRect();
        const panel = plot.closest('.jp-OutputArea-output')?.getBoundingClientRect();
        const drawn = plot.querySelector('svg.main-svg')?.getBoundingClientRect();
        if (!panel || !drawn) return;
        seen.push({{
            draws,
            points,
            words: decodeURIComponent(plot.parentElement.querySelector('img').src),
            transcript: document.querySelector('.lab-live-transcript')?.innerText ?? '',
            left: Math.min(box.left, drawn.left) - panel.left,
            right: panel.right - Math.max(box.right, drawn.right),
            width: drawn.width,
        }});
    }};
    window.seenOfPlot = () => {{
        // the widget may leave an empty one behind
        const now = [...document.querySelectorAll('{PLOT}')].find(
            one => one.on && one.data?.[0]);
        if (!now) return seen;
        if (now !== plot) {{
            plot = now;
            plot.on('plotly_afterplot', () => {{ draws++; look(); }});
            plot.scrollIntoView({{block: 'center'}});
        }}
        look();
        return seen;
    }};
    window.watching = new MutationObserver(window.seenOfPlot);
    window.watching.observe(document.body, {{childList: true, subtree: true}});
}}"""
"""The page itself notes the plot whenever it has other points, at each drawing too: a short run is
over before somebody outside has looked twice. No timer has a part in it: on a busy machine a page
that draws all the time runs none."""
TIMES = f"""() => {{
    window.drawnAt = [];
    document.querySelector('{PLOT}').on(
        'plotly_afterplot', () => window.drawnAt.push(performance.now()));
}}"""
"""The page notes when the plot is drawn."""
PLOTS = f"""() => [...document.querySelectorAll('{PLOT}')].map(one => [
    typeof one.on, one.data?.length, one._fullData?.[0]?.x?.length, one.layout?.width,
    !!one.closest('.jp-OutputArea-output'), !!one.querySelector('svg.main-svg'), one.className,
])"""
"""What there is of plots, for whoever asks why none was noted."""
SEEN = "seen"
"""The file that a test writes once it has seen the plot move. A notebook repeats a short run until
then: on a busy machine a page may load plotly for longer than the run takes."""
LATE = """() => {
    const given = URL.createObjectURL;
    window.cameLate = 0;
    URL.createObjectURL = source => {
        if (!(source instanceof Blob) || source.size < 1e6) return given(source);
        window.cameLate++;
        const wait = "await new Promise(done => setTimeout(done, 4_000));\\n";
        return given(new Blob([wait, source], {type: source.type}));
    };
}"""
"""Any large module that a widget brings takes four seconds longer to come."""
LAID_OUT_LATE = """() => {
    const widget = document.querySelector('.lab-moving').closest('.lm-Widget');
    for (const name of ['padding', 'overflow']) widget.style.removeProperty(name);
}"""
"""What ipywidgets does to a widget's element for each part of its layout that is not set: after the
widget has drawn itself, where the page is busy."""
PICTURE = 'figure > img[src^="data:image/svg+xml"]'
"""A still picture, as wide as its column."""
MOVING = ".lab-moving img"
"""The card beneath the marks of a plot."""

Open = Callable[[str], NotebookPage]


def test_live_moves_and_leaves_a_picture(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "live.ipynb",
        "from pathlib import Path\nfrom lab_kit import Bench, show\nbench = Bench.start()",
        f"while not Path('{SEEN}').exists():\n    run = show.live(bench, seconds=10)",
        "show.waterfall(run.calls[-1])",
        "show.delays(run.calls)",
        "show.transcript(run.calls[-1])",
        "print(len(run.calls), 'streams')",
        "bench.stop()",
    )
    notebook = open_notebook("live.ipynb")
    notebook.run_all()
    assert_live_moves(notebook)
    say_seen(lab)
    done = notebook.finish()
    assert errors_of(done) == []
    kinds = [list(output.data) for output in done.cells[1].outputs]
    assert ["image/svg+xml", "text/html", "text/plain"] in [sorted(kind) for kind in kinds]
    assert "1 streams" in done.cells[5].outputs[0].text
    look_at_all(notebook)


def test_it_moves_though_plotly_came_late(lab: Lab, open_notebook: Open) -> None:
    """A busy page may need longer for plotly's code than the two seconds that anywidget waits."""
    write_notebook(
        lab,
        "late.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "run = show.live(bench)",
    )
    notebook = open_notebook("late.ipynb")
    notebook.page.evaluate(LATE)
    notebook.run_all()
    assert_live_moves(notebook)
    assert notebook.page.evaluate("window.cameLate") >= 1


def test_who_wants_less_motion_sees_one_drawing_a_second(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "calm.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "run = show.live(bench)",
    )
    notebook = open_notebook("calm.ipynb")
    notebook.page.emulate_media(reduced_motion="reduce")
    notebook.run_all()
    assert_live_moves(notebook)
    notebook.page.evaluate(TIMES)
    times = eventually("it is drawn", lambda: drawn_at(notebook.page, least=5))
    between_ms = [later - earlier for earlier, later in pairwise(times)]
    assert median(between_ms) >= 900


def test_button_stops_and_starts_again(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "button.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "run = show.live(bench)",
        "print('the cell has returned', run.is_running)",
    )
    notebook = open_notebook("button.ipynb")
    notebook.run_all()
    page = notebook.page
    page.get_by_text("the cell has returned True").wait_for()
    assert_live_moves(notebook)
    page.evaluate(LAID_OUT_LATE)
    for width_px in (900, 1280):
        page.set_viewport_size({"width": width_px, "height": 900})
        eventually(
            f"the plot is as wide as a page of {width_px} px lets it be",
            lambda width_px=width_px: fits(widths_px(notebook), width_px),
            seen=lambda: widths_px(notebook),
        )
    moving = box_of(notebook, MOVING)
    page.locator(".jupyter-button", has_text="Stop").click()
    page.locator(PLOT).wait_for(state="detached")
    assert page.locator(".lab-live-status").inner_text() == "ended"
    page.locator(PICTURE).wait_for()
    assert box_of(notebook, PICTURE) == pytest.approx(moving, abs=1.5), "the same box"
    notebook.screenshot("stopped")
    saved = notebook.save()
    assert any("image/svg+xml" in output.data for output in saved.cells[1].outputs)
    page.locator(".jupyter-button", has_text="Start").click()
    assert_live_moves(notebook)
    assert page.locator(PICTURE).count() == 0
    page.locator(".jupyter-button", has_text="Stop").click()
    page.locator(PLOT).wait_for(state="detached")


def test_running_the_cell_again_ends_the_former_run(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "again.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "first = show.live(bench)",
        "second = show.live(bench)",
        "print('first', first.is_running, 'second', second.is_running)",
        "second.stop(); print('stopped', not second.is_running)",
    )
    notebook = open_notebook("again.ipynb")
    notebook.run_all()
    done = notebook.finish()
    assert errors_of(done) == []
    assert "first False second True" in done.cells[3].outputs[0].text
    assert "stopped True" in done.cells[4].outputs[0].text


def test_a_plan_is_drawn_while_it_is_carried_out(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "offering.ipynb",
        "from pathlib import Path\nfrom lab_kit import Bench, client, datasets, show\n"
        "from lab_kit.experiments import load\nbench = Bench.start()",
        f"""clips, plan = [datasets.clip("two-cities-best")], load.Constant(4, 12)
async with client.Inference(bench.url) as door:
    while not Path("{SEEN}").exists():
        run = await show.offering(door.transcribe, clips, plan, bench.pid, "Four a second")""",
        "print(len(run.requests), 'requests')",
    )
    notebook = open_notebook("offering.ipynb")
    notebook.run_all()
    page = notebook.page
    seen = watched(notebook)
    assert "cores that the server kept busy, of " in seen[-1]["words"]
    say_seen(lab)
    done = notebook.finish()
    assert errors_of(done) == []
    assert page.locator(PLOT).count() == 0, "the still picture has taken its place"
    assert any("image/svg+xml" in output.data for output in done.cells[1].outputs)
    assert "48 requests" in done.cells[2].outputs[0].text
    notebook.screenshot("still")


def test_interrupt_ends_a_bounded_run_cleanly(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "interrupt.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "run = show.live(bench, seconds=600)",
        "print('ended', not run.is_running)",
    )
    notebook = open_notebook("interrupt.ipynb")
    notebook.run_all()
    assert_live_moves(notebook)
    notebook.page.keyboard.press("Escape")
    notebook.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()
    done = notebook.finish()
    assert errors_of(done) == []
    assert "ended True" in done.cells[2].outputs[0].text


def test_an_error_of_the_stream_is_seen(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "error.ipynb",
        "from lab_kit import Bench, show\nbench = Bench.start()",
        "run = show.live(bench)",
    )
    notebook = open_notebook("error.ipynb")
    notebook.run_all()
    assert_live_moves(notebook)
    server = next(p for p in psutil.process_iter(["cmdline"]) if is_server_of(lab, p))
    server.kill()
    alarm = notebook.page.locator(".lab-live-error", has_text="ConnectionFailed")
    alarm.wait_for()
    notebook.page.locator(PICTURE).wait_for()
    notebook.screenshot("error")


def test_a_killed_kernel_takes_its_server_along(lab: Lab, open_notebook: Open) -> None:
    write_notebook(
        lab,
        "killed.ipynb",
        "import os\nfrom lab_kit import Bench, datasets",
        "bench = Bench.start()\nprint('kernel', os.getpid(), 'server', bench.pid, bench.url)",
    )
    notebook = open_notebook("killed.ipynb")
    notebook.run_all()
    kernel, server, url = told_by(notebook.finish())
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    os.kill(kernel, signal.SIGKILL)
    eventually("the server is gone", lambda: not is_alive(server))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz", trust_env=False)
    page = notebook.page
    page.get_by_role("dialog").get_by_role("button").last.click()
    eventually("the kernel is back", lab.kernels_are_idle)
    notebook.run_all()
    eventually("the next cell works", lambda: told_by(notebook.finish())[1] != server)


@pytest.mark.timeout(600)
def test_the_first_lab_runs_from_top_to_bottom(lab: Lab, open_notebook: Open) -> None:
    shutil.copy(LABS / LAB, lab.folder / LAB)
    notebook = open_notebook(LAB)
    notebook.run_all()
    done = notebook.finish(480)
    assert errors_of(done) == []
    look_at_all(notebook)
    lab.end_kernels()
    again = open_notebook(LAB)
    again.page.wait_for_timeout(LOOKED_FOR_MS)
    look_at_all(again, "again")


def assert_live_moves(notebook: NotebookPage) -> None:
    """The plot is drawn again and again with more points; words appear; the line is named."""
    seen = watched(notebook, "best of times")
    assert "limit 300 ms: speaker stops → last final" in seen[-1]["words"]


def watched(notebook: NotebookPage, said: str = "") -> list[dict[str, Any]]:
    """What the page notes of the plot until it has moved and ``said`` was in the transcript."""
    page = notebook.page
    page.evaluate(WATCH)

    def moved() -> list[dict[str, Any]] | None:
        seen: list[dict[str, Any]] = page.evaluate("window.seenOfPlot()")
        has_moved = len(seen) >= 3 and seen[-1]["draws"] >= 3
        # in any of them: in a long run the words have left the pane again before a slow look
        was_said = any(said in look["transcript"] for look in seen)
        return seen if has_moved and was_said else None

    try:
        seen: list[dict[str, Any]] = eventually("the plot moves", moved)
    except AssertionError as error:
        last = page.evaluate("window.seenOfPlot().slice(-1)")
        plots = page.evaluate(PLOTS)
        outputs = page.locator(".jp-OutputArea-output").all_inner_texts()
        told = f"last seen {last}; plots {plots}; outputs {outputs}"
        raise AssertionError(f"{error}; {told}") from error
    notebook.screenshot("live")
    points = [look["points"] for look in seen]
    assert max(points) > points[0]
    # at 1280 px nothing of the plot is cut off at the sides, and it uses the width
    assert seen[-1]["left"] >= 0
    assert seen[-1]["right"] >= 0
    assert seen[-1]["width"] > 600
    return seen


def drawn_at(page: Page, least: int) -> list[float] | None:
    """When the plot was drawn since `TIMES` began to look, once that was often enough."""
    times: list[float] = page.evaluate("window.drawnAt")
    return times if len(times) >= least else None


def box_of(notebook: NotebookPage, picture: str) -> tuple[float, float, float, float]:
    """Where a card lies, seen from the transcript, and how large it is."""
    card = notebook.page.locator(picture).first.bounding_box()
    above = notebook.page.locator(".lab-live-transcript").first.bounding_box()
    assert card
    assert above
    return card["x"] - above["x"], card["y"] - above["y"], card["width"], card["height"]


def widths_px(notebook: NotebookPage) -> list[float]:
    """Of the marks, their card, its place, and the cell's output."""
    places = (f"{PLOT} svg.main-svg", MOVING, ".lab-moving", f".jp-OutputArea-output:has({PLOT})")
    boxes = [notebook.page.locator(where).first.bounding_box() for where in places]
    assert None not in boxes
    return [box["width"] for box in boxes if box]


def fits(widths: list[float], page_px: int) -> bool:
    """Whether marks are as wide as their card, and it as its place; a card too wide scrolls.

    A card is never narrower than one can read it, nor wider than a still picture.
    """
    marks, card, place, output = widths
    wanted_px = min(max(LEAST_WIDTH_PX, place - 20), MOST_WIDTH_PX)
    as_wide = [marks, card] == pytest.approx([wanted_px] * 2, abs=1)
    return as_wide and page_px / 2 < output < page_px and place <= output


def look_at_all(notebook: NotebookPage, when: str = "cell") -> None:
    """Keep a picture of every part of a notebook that has run, for people to look at."""
    page = notebook.page
    outputs = page.locator(".jp-CodeCell")
    for index in range(outputs.count()):
        outputs.nth(index).scroll_into_view_if_needed()
        page.wait_for_timeout(150)
        notebook.screenshot(f"{when}-{index:02d}")
        assert not GONE.search(outputs.nth(index).inner_text()), index
    clipped = page.evaluate(
        """which => [...document.querySelectorAll(which)].filter(image =>
            image.getBoundingClientRect().right >
            image.closest('.jp-OutputArea').getBoundingClientRect().right + 1).length""",
        PICTURE,
    )
    assert clipped == 0


def write_notebook(lab: Lab, name: str, *cells: str) -> None:
    """A notebook of code cells in the lab's folder, of which nothing has been seen yet."""
    (lab.folder / SEEN).unlink(missing_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.folder / name)


def say_seen(lab: Lab) -> None:
    """Let the notebook's run be the last."""
    (lab.folder / SEEN).touch()


def told_by(notebook: nbformat.NotebookNode) -> tuple[int, int, str]:
    """Kernel, server and address, as the last cell printed them."""
    words = notebook.cells[-1].outputs[0].text.split()
    return int(words[1]), int(words[3]), words[4]


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_server_of(lab: Lab, process: psutil.Process) -> bool:
    """Whether it is a server that a notebook of this lab started."""
    if "lab_kit.gateway.run.process" not in (process.info["cmdline"] or []):
        return False
    return str(lab.folder) == process.cwd()
