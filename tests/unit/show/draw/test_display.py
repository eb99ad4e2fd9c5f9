"""What a page gets of a drawing: a picture with words, sentences, figures that are folded."""

import base64
import re
from html.parser import HTMLParser

from lab_kit.show.draw.display import picture_bundle, table_bundle
from lab_kit.show.draw.svg import Svg

TITLE = 'Where "it" went: <b> & more'


class Parts(HTMLParser):
    """The tags of a piece of HTML, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_picture_is_as_wide_as_its_column_and_has_words() -> None:
    svg = Svg(100, TITLE).render()
    bundle = picture_bundle(svg)
    assert bundle["image/svg+xml"] == svg
    (_, figure), (tag, image) = Parts(bundle["text/html"]).tags
    assert tag == "img"
    assert image["alt"] == TITLE
    assert "width:100%" in (image["style"] or "")
    assert "overflow-x:auto" in (figure["style"] or "")
    coded = re.sub("^data:image/svg.xml;base64,", "", image["src"] or "")
    assert base64.b64decode(coded).decode() == svg


def test_sentences_are_seen_and_figures_are_folded() -> None:
    bundle = table_bundle("a  <b>\n1  2", "It was <slow>.\nNo guess.")
    assert [tag for tag, _ in Parts(bundle["text/html"]).tags] == [
        "div",
        "div",
        "details",
        "summary",
        "pre",
    ]
    assert "It was &lt;slow&gt;." in bundle["text/html"]
    assert bundle["text/plain"] == "a  <b>\n1  2\n\nIt was <slow>.\nNo guess."
    assert table_bundle("a")["text/plain"] == "a"
