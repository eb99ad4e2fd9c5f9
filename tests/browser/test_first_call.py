"""A reader presses Start, calls from another program, and sees how long it took."""

from collections.abc import Callable

import httpx
import nbformat
import pytest
from notebook_page import Lab, NotebookPage, errors_of

from lab_kit import datasets

pytestmark = pytest.mark.browser

MADE = """\
from lab_kit import Bench, show
from lab_kit.experiments import contracts
bench = Bench.start()
first = await contracts.FirstCall.prepared(bench)
show.stopwatch(first)"""
TOLD = "show.first_call(await first.so_far())"


def test_the_time_runs_from_the_click_to_a_call_from_anywhere(
    lab: Lab, open_notebook: Callable[[str], NotebookPage]
) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (MADE, TOLD)]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, lab.folder / "first.ipynb")
    notebook = open_notebook("first.ipynb")
    notebook.run_all()
    before = notebook.finish()
    assert errors_of(before) == []
    assert "was not started" in str(before.cells[1].outputs)
    page = notebook.page
    page.locator("button.jupyter-button", has_text="Start").click()
    page.locator("button.jupyter-button", has_text="Start anew").wait_for()
    url, key = page.locator(".widget-html code").all_inner_texts()
    headers = {"authorization": f"Token {key}"}
    wav = datasets.clip("two-cities-best").path.read_bytes()
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        assert client.post("/v1/audio:transcribe", content=b"no sound").status_code == 400
        assert client.post("/v1/audio:transcribe", content=wav).status_code == 200
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Shift+Enter")
    page.locator('img[alt*="The first call succeeded after"]').wait_for(state="attached")
    after = notebook.finish()
    notebook.screenshot("told")
    assert errors_of(after) == []
    assert "1 call failed before" in str(after.cells[1].outputs)
    assert key not in str(after), "a key is no part of what is saved"
