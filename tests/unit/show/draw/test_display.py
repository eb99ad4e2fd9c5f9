"""What a page gets of a drawing: a picture with words, sentences, figures that are folded."""

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from lab_kit.core.table import Table
from lab_kit.show.draw import card
from lab_kit.show.draw.display import picture_bundle, table_bundle
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

TITLE = 'Where did "it" go: <b> & more?'
TOLD = Verdict("It was <slow>.", Sign.OVER, "No guess.")


class Parts(HTMLParser):
    """The tags of a piece of HTML, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_picture_is_as_wide_as_its_column_and_has_words() -> None:
    svg = Svg(100, TITLE, "One bar.")
    bundle = picture_bundle(svg, TOLD)
    assert bundle["image/svg+xml"] == card.render(svg, TOLD)
    (_, figure), (tag, image) = Parts(bundle["text/html"]).tags
    assert tag == "img"
    assert image["alt"] == f"It was <slow>. No guess. {TITLE} One bar."
    assert "width:100%" in (image["style"] or "")
    assert "overflow-x:auto" in (figure["style"] or "")
    coded = re.sub("^data:image/svg.xml;base64,", "", image["src"] or "")
    assert base64.b64decode(coded).decode() == bundle["image/svg+xml"]


def test_the_source_of_the_limit_is_linked_where_the_limit_is_drawn() -> None:
    svg = Svg(100, TITLE, "One line.")
    assert "<a " not in picture_bundle(svg, TOLD)["text/html"]
    limit_level(svg, 50, 20, 700, 10, "limit 300 ms: from → to")
    tags = Parts(picture_bundle(svg, TOLD)["text/html"]).tags
    (link,) = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert (link or "").startswith("https://"), "it leads somewhere from every page"


def test_what_came_out_is_seen_in_the_picture_and_figures_are_folded() -> None:
    table = Table("stage", ("stage", "ms"), [("queue", "12")])
    bundle = table_bundle(table, TOLD)
    tags = [tag for tag, _ in Parts(bundle["text/html"]).tags]
    assert tags[:2] == ["details", "summary"]
    assert "table" in tags
    assert "slow" not in bundle["text/html"], "not twice on a page"
    assert bundle["text/plain"] == f"{table.text}\n\nIt was <slow>.\nNo guess."
    assert table_bundle(table, Verdict())["text/plain"] == table.text


def test_question_verdict_and_guess_come_before_the_plot() -> None:
    svg = Svg(100, TITLE, "One word.", ["n = 3", "", "cpu"])
    svg.text((30, 50), "plot")
    root = ElementTree.fromstring(card.render(svg, TOLD))
    words = [(float(t.attrib["y"]), t.text) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [told for _, told in sorted(words)] == [
        TITLE, "It was <slow>.", "No guess.", "plot", "n = 3 · cpu",
    ]  # fmt: skip
    assert card.render(svg, TOLD) == card.render(svg, TOLD), "a drawing can be shown twice"
