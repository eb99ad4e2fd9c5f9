"""The glossary against the code: every name in it exists, and no term stands twice."""

import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"
LATER = "*later lab*"
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| (?P<code>[^|]+) \|$")
HEAD = "term"


def rows(text: str) -> list[tuple[str, str]]:
    """Each term with its third column."""
    found = [row for line in text.splitlines() if (row := ROW.match(line))]
    return [(row["term"].strip("`"), row["code"]) for row in found if row["term"] != HEAD]


def find(name: str) -> object:
    """What a dotted name stands for: a module, or what is reached from one.

    Raises:
        AttributeError: nothing has that name.
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise  # a module is there and cannot be imported
            continue
        return _attribute(found, parts[length:])
    raise AttributeError(name)


def _attribute(found: object, names: list[str]) -> object:
    for name in names:
        is_field = is_dataclass(found) and name in {field.name for field in fields(found)}
        found = name if is_field else getattr(found, name)
    return found


ROWS = rows(GLOSSARY.read_text("utf-8"))


def test_every_line_of_a_table_is_read() -> None:
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    heads = [line for line in lines if line.startswith(f"| {HEAD} |")]
    assert len(ROWS) == len(lines) - len(heads) > 60


def test_no_term_stands_twice() -> None:
    terms = [term.lower() for term, _ in ROWS]
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


@pytest.mark.parametrize(("term", "code"), ROWS, ids=[term for term, _ in ROWS])
def test_what_a_term_names_is_in_the_code(term: str, code: str) -> None:
    if code == LATER:
        return
    names = code.split(", ")
    assert all(name.startswith("`lab_kit.") and name.endswith("`") for name in names)
    for name in names:
        find(name.strip("`"))


@pytest.mark.parametrize(
    "name", ["lab_kit.nothing", "lab_kit.core.events.Partial", "lab_kit.core.events.Final.sure"]
)
def test_a_name_that_is_nowhere_is_found_out(name: str) -> None:
    with pytest.raises(AttributeError):
        find(name)


def test_a_field_of_a_dataclass_counts() -> None:
    assert find("lab_kit.core.events.Final.endpoint")
