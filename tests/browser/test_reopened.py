"""A notebook that was run, saved and opened again without its kernel: it reads well."""

from collections.abc import Callable

import nbformat
import pytest
from notebook_page import GONE, LOOKED_FOR_MS, Lab, NotebookPage, errors_of, eventually
from playwright.sync_api import Error, Page, Route
from test_jupyterlab import PICTURE, assert_live_moves, write_notebook

pytestmark = pytest.mark.browser

Open = Callable[[str], NotebookPage]
CELLS = (
    "from lab_kit import Bench, client, course, datasets, show\n"
    "from lab_kit.experiments import load\nbench = Bench.start()",
    'entered = course.guess("00.entered", "It takes", low=5, high=100, unit="ms")',
    'empty = course.guess("00.empty", "Fastest here", of=("eager", "compiled"))',
    'speech = [datasets.clip("two-cities-best")]\n'
    "calls = await show.live_load(bench, load.Stairs((1,), step_s=4.0), speech)",
    "async with client.Inference(bench.url) as door:\n"
    "    await show.offering(door.transcribe, speech, load.Constant(2, 2), bench.pid, 'Two')",
    "explorer = show.batching_explorer(bench, speech, load.Constant(2, 2))",
    "run = show.live(bench, show.microphone())",
    "run = show.live(bench)",
)
LIVE, UNUSED, EXPLORED = 7, 6, 5


@pytest.mark.timeout(600)
def test_what_was_live_stays_as_pictures_and_words(
    lab: Lab, open_notebook: Open, page: Page
) -> None:
    write_notebook(lab, "kept.ipynb", *CELLS)
    notebook = open_notebook("kept.ipynb")
    notebook.run_all()
    assert_live_moves(notebook)
    field = page.get_by_placeholder("5 to 100")
    field.fill("90")
    field.press("Enter")
    page.get_by_text("Taken: 90 ms.").wait_for()
    still = page.get_by_text('Your guess for "It takes": 90 ms.')
    still.wait_for(state="attached")
    assert not still.is_visible(), "beside its control it would say everything twice"
    for control in (".lab-microphone-button", ".widget-slider", ".widget-dropdown"):
        page.locator(control).first.wait_for(state="visible")
    page.locator(".jupyter-button", has_text="Stop").click()
    page.locator(".lab-live-status", has_text="ended").wait_for()
    notebook.screenshot("alive")
    saved = notebook.finish()
    assert errors_of(saved) == []
    lab.end_kernels()

    again = open_notebook("kept.ipynb")
    assert_reads_well(again)
    again.screenshot("with-another-kernel")

    lab.end_kernels()
    saved.metadata["from"] = "somebody else"  # what this machine did not sign is not trusted
    nbformat.write(saved, lab.folder / "sent.ipynb")
    from_elsewhere = open_notebook("sent.ipynb")
    assert_reads_well(from_elsewhere)
    assert page.locator(".jp-mod-trusted").count() == 0
    from_elsewhere.screenshot("not-trusted")

    lab.end_kernels()
    start_no_kernel(page)
    page.goto(f"{lab.url}/lab/tree/kept.ipynb?token={lab.token}&reset")
    assert_reads_well(again)
    again.screenshot("without-a-kernel")


def assert_reads_well(notebook: NotebookPage) -> None:
    """Each cell says in words or a picture what was there, and none says that something is gone."""
    cells = notebook.page.locator(".jp-CodeCell")

    def outputs() -> list[str]:
        found = []
        for index in range(cells.count()):
            cells.nth(index).scroll_into_view_if_needed()  # JupyterLab draws what is in sight
            found.append(cells.nth(index).locator(".jp-Cell-outputWrapper").inner_text())
        return found

    def drawn() -> list[str] | None:
        try:
            seen = outputs()
        except Error:  # JupyterLab drew a cell anew meanwhile
            return None
        is_whole = len(seen) == len(CELLS) and all(text.strip() for text in seen[1:])
        return seen if is_whole else None

    eventually("the outputs are shown", drawn)
    notebook.page.wait_for_timeout(LOOKED_FOR_MS)
    seen = eventually("the outputs are shown still", drawn)
    assert not GONE.search("\n".join(seen)), seen
    assert 'Your guess for "It takes": 90 ms.' in seen[1]
    assert 'No guess for "Fastest here"; run this cell to enter one.' in seen[2]
    assert "run this cell again" in seen[EXPLORED]
    assert "Nothing was streamed from your microphone yet; run this cell again" in seen[UNUSED]
    assert "best of times" in seen[LIVE]
    for index in (3, 4, EXPLORED, LIVE):
        assert cells.nth(index).locator(PICTURE).count() == 1
    cells.last.scroll_into_view_if_needed()


def start_no_kernel(page: Page) -> None:
    """From now on none can be started from the page."""

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    page.route("**/api/sessions*", refuse)
