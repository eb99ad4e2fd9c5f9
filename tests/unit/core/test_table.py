"""The figures behind a picture: the same cells as text in columns and as a table of a page."""

from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from lab_kit.core.table import Table

STAGES = Table(
    "stage",
    ("stage", "p50 ms", "of <all>"),
    [("queue wait", "12", "8 %"), ("inference & more", "1,234.5", "92 %")],
    ["", "0 ms is when <it> began"],
)
MANY = tuple(f"quantity {number}" for number in range(9))


class Page(HTMLParser):
    """What a page makes of a piece of HTML: the cells of each row, and all other words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, dict[str, str | None], str]]] = []
        self.words: dict[str, str] = {}
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self._tag in ("th", "td"):
            tag, attributes, before = self.rows[-1][-1]
            self.rows[-1][-1] = tag, attributes, before + data
        else:
            self.words[self._tag] = self.words.get(self._tag, "") + data

    @property
    def cells(self) -> list[list[str]]:
        """The words of each row's cells."""
        return [[words for _, _, words in row] for row in self.rows]


def styles_of(row: Sequence[tuple[str, dict[str, str | None], str]]) -> list[str]:
    """The style of each cell of a row."""
    return [attributes["style"] or "" for _, attributes, _ in row]


def test_a_notebook_shows_the_page_and_a_terminal_the_text() -> None:
    assert STAGES._repr_html_() == STAGES.html
    assert str(STAGES) == repr(STAGES) == STAGES.text


def test_text_is_in_columns_with_sentences_beneath() -> None:
    assert STAGES.text.splitlines() == [
        "stage              p50 ms  of <all>",
        "queue wait             12       8 %",
        "inference & more  1,234.5      92 %",
        "",
        "0 ms is when <it> began",
    ]
    both = Table("stage", ("stage", "is"), [("queue wait", "a"), ("send", "long one")], left=2)
    assert both.text.splitlines()[1:] == ["queue wait  a", "send        long one"]


def test_a_page_gets_the_same_cells_under_a_heading_each() -> None:
    page = Page(STAGES.html)
    assert page.cells == [list(STAGES.head), *map(list, STAGES.rows)]
    head, *body = page.rows
    assert [(tag, attributes["scope"]) for tag, attributes, _ in head] == [("th", "col")] * 3
    assert [(tag, attributes.get("scope")) for tag, attributes, _ in body[0]] == [
        ("th", "row"), ("td", None), ("td", None),
    ]  # fmt: skip
    assert page.words["caption"] == "A row for each stage"
    assert page.words["p"] == "0 ms is when <it> began"


def test_words_begin_at_the_left_and_numbers_end_at_the_right() -> None:
    for row in Page(STAGES.html).rows:
        sides = [style.split("text-align:")[1].split(";")[0] for style in styles_of(row)]
        assert sides == ["left", "right", "right"]
    assert "tabular-nums" in STAGES.html
    assert "overflow-x:auto" in STAGES.html, "it scrolls where there is no room"


def test_what_is_measured_cannot_be_taken_for_html() -> None:
    escaped = ("of &lt;all&gt;", "inference &amp; more", "when &lt;it&gt; began")
    assert all(words in STAGES.html for words in escaped)
    assert "&lt;b&gt;" in Table("<b>", ("a",), [("b",)]).html


def test_rows_that_name_everything_need_no_headings() -> None:
    page = Page(Table("figure", ("", ""), [("requests", "12")]).html)
    assert page.cells == [["requests", "12"]]


@pytest.mark.parametrize(("rows", "is_turned"), [(2, True), (7, True), (8, False)])
def test_a_wide_table_is_turned_where_that_makes_it_narrow(rows: int, is_turned: bool) -> None:
    table = Table("codec", MANY, [tuple(f"{row}.{at}" for at in range(9)) for row in range(rows)])
    page = Page(table.html)
    grid = [list(MANY), *map(list, table.rows)]
    turned = [list(column) for column in zip(*grid, strict=True)]
    assert page.cells == (turned if is_turned else grid)
    assert page.words["caption"] == f"A {'column' if is_turned else 'row'} for each codec"
    assert table.text.splitlines()[0].split("  ")[0] == "quantity 0", "text stays as it is"
