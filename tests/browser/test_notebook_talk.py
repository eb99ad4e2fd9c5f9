"""Talking in a notebook: the microphone and the loudspeaker of the page, and what was said."""

from collections.abc import Callable

from notebook_page import Lab, NotebookPage, eventually
from test_browser_microphone import run_in
from test_jupyterlab import write_notebook

CELLS = (
    "from lab_kit import Bench, show\nbench = Bench.start()",
    "held = show.talk(bench)",
)


def test_who_talks_in_a_notebook_is_answered(
    lab: Lab, open_notebook: Callable[[str], NotebookPage]
) -> None:
    write_notebook(lab, "talk.ipynb", *CELLS)
    notebook = open_notebook("talk.ipynb")
    notebook.run_all()
    page = notebook.page
    button = page.locator(".lab-microphone-button")
    button.wait_for()
    button.click()
    said = page.locator("ol[aria-live] li")
    eventually("it has heard", lambda: said.filter(has_text="you ").count())
    eventually("it has answered", lambda: said.filter(has_text="lab ").count())
    eventually("the silence is told", lambda: said.filter(has_text=" ms").count())
    notebook.screenshot("talking")
    button.click()
    eventually("it is off", lambda: button.inner_text() == "Use the microphone")
    eventually("it ends", lambda: run_in(notebook, "print(held.is_running)") == "False")
    assert run_in(notebook, "print(held.error, len(held.lines) > 1)") == "None True"
