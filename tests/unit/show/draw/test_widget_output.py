"""A widget's output: no spelling of the widget, words behind it, and nothing when taken away."""

from typing import Any

import ipywidgets
import pytest

from lab_kit.core.still_form import WIDGET_TYPE, is_still_form, still_form
from lab_kit.show.draw.widget_output import WidgetOutput


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What a notebook would hold, by the names under which outputs can be changed."""
    held: dict[str, dict[str, Any]] = {}

    def publish(data: dict[str, Any], *_: object, **options: Any) -> None:
        name = options["transient"]["display_id"]
        assert options.get("update", False) == (name in held)
        held[name] = data

    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    monkeypatch.setattr("IPython.core.display_functions.publish_display_data", publish)
    monkeypatch.setattr("lab_kit.show.draw.display.publish_display_data", publish)
    return held


def test_words_stand_behind_a_widget_until_both_are_taken_away(
    outputs: dict[str, dict[str, Any]],
) -> None:
    shown = WidgetOutput(ipywidgets.Label("spelled out"), "a label was here")
    widget, still = outputs.values()
    assert set(widget) == {WIDGET_TYPE}
    assert still["text/plain"] == "a label was here"
    assert is_still_form(still["text/html"])
    shown.tell("it <changed>")
    assert "<div>it &lt;changed&gt;</div>" in list(outputs.values())[1]["text/html"]
    shown.tell("words", "<b>words</b>")
    assert "<b>words</b>" in list(outputs.values())[1]["text/html"]
    shown.take_away()
    assert list(outputs.values()) == [{"text/plain": ""}] * 2


def test_a_still_form_is_told_from_other_html() -> None:
    assert is_still_form(still_form("a")["text/html"])
    assert not is_still_form("<div>a</div>")
    assert not is_still_form(None)
