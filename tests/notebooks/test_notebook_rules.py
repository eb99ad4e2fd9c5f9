"""The rules find what they forbid, and pass what they do not."""

from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from allowed_figures import allowed
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from refresh_outputs import CHECKED_TAG, normalize

ALLOWED = allowed("01", 60)
CHECKED = 'check("01.1", ...)'
TAGGED = {"tags": [CHECKED_TAG]}


def book(*cells: str | nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook: texts that begin with `>` are code."""
    return new_notebook(
        cells=[
            cell
            if not isinstance(cell, str)
            else new_code_cell(cell[1:])
            if cell.startswith(">")
            else new_markdown_cell(cell)
            for cell in cells
        ]
    )


def test_sizes() -> None:
    assert list(rules.size_breaches(book(">a", "word " * 120))) == []
    assert len(list(rules.size_breaches(book(*[">a"] * 31)))) == 1
    long = list(rules.size_breaches(book(">" + "a\n" * 16, *[">a"] * 3)))
    assert long == ["cell 0: 16 lines of code; at most 15"]
    assert len(list(rules.size_breaches(book(*[">a\nb\nc\nd\ne\nf\ng"] * 3)))) == 1
    assert "121 words" in next(iter(rules.size_breaches(book("word " * 121))))


def test_tables_and_references_are_not_prose() -> None:
    assert rules.word_count("| a b | c |\n|---|---|\n| d | e |\n\nthree more words") == 3
    assert rules.word_count("## References\n- " + "word " * 300) == 0


@pytest.mark.parametrize(
    "code",
    [
        "class A: ...",
        "def f(): ...",
        "async def f():\n    await g()",
        "!pip install x",
        "%pip install x",
        "np.percentile(a, 95)",
    ],
)
def test_what_code_may_not_do(code: str) -> None:
    assert len(list(rules.code_breaches(book(">Bench.start()", f">{code}")))) == 1


def test_what_code_may_do() -> None:
    exercise = '>def plan(x):\n    return ...\n\ncheck("01.2", plan)'
    named = ">" + "# Exercise 01.2\ndef plan(x):\n    return ..."
    plain = ">call = await bench.stream(clip)"
    assert list(rules.code_breaches(book(">Bench.start()", exercise, named, plain))) == []
    in_an_exercise = '>check("01.2", A)\nclass A: ...'
    assert len(list(rules.code_breaches(book(">Bench.start()", in_an_exercise)))) == 1


def test_the_system_runs_by_the_third_code_cell() -> None:
    assert list(rules.code_breaches(book(">a", ">b", ">x = Bench.start()"))) == []
    assert len(list(rules.code_breaches(book(">a", ">b", ">c", ">Bench.start()")))) == 1
    assert len(list(rules.code_breaches(book(">a")))) == 1


def test_scaffolding_on_the_page_and_short_lines_that_miss_are_found() -> None:
    short = {"short": {"seconds = 12": "seconds = 2"}}
    good = new_code_cell("seconds = 12\nrun(seconds)", metadata=short)
    assert list(rules.scaffolding_breaches(book(good))) == []
    for source in ("seconds = 13", "seconds = 12\nseconds = 12"):
        assert (
            len(list(rules.scaffolding_breaches(book(new_code_cell(source, metadata=short))))) == 1
        )
    assert len(list(rules.scaffolding_breaches(book(">x = by_profile(1, 2)")))) == 1


def test_outputs_are_kept_where_they_are_compared_and_only_there() -> None:
    printed = new_output("stream", text="01.1 NOT YET\n")
    good = new_code_cell(CHECKED, execution_count=1, outputs=[printed], metadata=TAGGED)
    assert list(rules.output_breaches(book(good, ">a"))) == []
    assert len(list(rules.output_breaches(book(new_code_cell(CHECKED, metadata=TAGGED))))) == 1
    uncounted = new_code_cell(CHECKED, outputs=[printed], metadata=TAGGED)
    assert len(list(rules.output_breaches(book(uncounted)))) == 1
    for leftover in ({"outputs": [printed]}, {"execution_count": 3}):
        assert len(list(rules.output_breaches(book(new_code_cell("a", **leftover))))) == 1
    failed = new_output("error", ename="E", evalue="", traceback=[])
    crashed = new_code_cell(CHECKED, execution_count=1, outputs=[failed], metadata=TAGGED)
    assert len(list(rules.output_breaches(book(crashed)))) == 1


def test_normalizing_strips_exactly_what_is_not_compared() -> None:
    printed = new_output("stream", text="x")
    notebook = book(
        new_code_cell(
            CHECKED, execution_count=1, outputs=[printed], metadata={**TAGGED, "execution": {}}
        ),
        new_code_cell("a", execution_count=2, outputs=[printed], metadata={"tags": ["t"]}),
    )
    notebook.metadata["widgets"] = {"state": 1}
    first, second = normalize(notebook).cells
    assert first.outputs == [printed]
    assert first.execution_count == 1
    assert first.metadata == TAGGED
    assert second.outputs == []
    assert second.execution_count is None
    assert second.metadata == {"tags": ["t"]}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


REFERENCES = """## References
- AssemblyAI (2025), "The 300ms rule", [assemblyai.com/blog](https://assemblyai.com/blog)
- Google (2024), "RAIL Performance Model", [web.dev/rail](https://web.dev/rail)
- Kwon, W. et al. (2023), "Efficient Memory Management", SOSP '23, [arXiv](https://arxiv.org)
"""


def test_every_citation_has_an_entry_and_every_entry_a_citation() -> None:
    text = (
        "A [Source: AssemblyAI, 2025; Google RAIL, 2024](#References) and B"
        " [Source: Kwon et al., 2023](#References)."
    )
    assert list(rules.citation_breaches(book(text, REFERENCES))) == []
    missing = list(
        rules.citation_breaches(book(text + " C [Source: Nielsen, 1993](#References).", REFERENCES))
    )
    assert missing == ["[Source: Nielsen, 1993] has no entry under References"]
    other_year = text.replace("2024", "2023")
    assert len(list(rules.citation_breaches(book(other_year, REFERENCES)))) == 2
    uncited = list(
        rules.citation_breaches(book("A [Source: AssemblyAI, 2025](#References).", REFERENCES))
    )
    assert len(uncited) == 2


def test_a_citation_leads_to_its_entry_and_the_entry_to_its_source() -> None:
    text = "A [Source: AssemblyAI, 2025]."
    bare = '## References\n- AssemblyAI (2025), "The 300ms rule", assemblyai.com/blog'
    found = list(rules.citation_breaches(book(text, bare)))
    assert any("has no address" in one for one in found)
    assert any("is no link to" in one for one in found)
    assert len(found) == 2


@pytest.mark.parametrize(
    "text",
    [
        "It takes 42 ms.",
        "It takes 42\u00a0ms.",
        "About 20–50 ms each way.",
        "It rose by 12 %.",
        "It rose by 12%.",
        "A 3.5x gain.",
        "Costs $0.25 a minute.",
        "The model has 44 MB.",
        "A 60 s clip. A second one [Source: X, 2025].",
        "- first [Source: X, 2025]\n- second takes 9 ms",
        "| stage | time |\n|---|---|\n| network | 20 ms |",
        "| stage | time |\n|---|---|\n| network | 20 ms |\n\nNext. \n\nOther [Source: X, 2025]",
        "Sampled at 16 kHz.",
        "Between 1,500 and 2,000 ms.",
    ],
)
def test_a_bare_measurement_is_found(text: str) -> None:
    assert len(list(rules.figure_breaches(book(text), ALLOWED))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It takes 42 ms [Source: X, 2025].",
        "Past 300 ms a conversation stumbles.",
        "Time: 60 minutes.",
        "Set `endpointing=200 ms` and see.",
        "```\n42 ms\n```",
        "Chapter 3, lab 01, 4 stages, two cores, 2025.",
        "See [the store](../x/10ms.md).",
        "| stage | time |\n|---|---|\n| network | 20 ms [Source: X, 2025] |",
        "| stage | time |\n|---|---|\n| network | 20 ms |\n\n[Source: X, 2025]",
        "## References\n- X (2025), 20 ms",
        "The exercise's 14,000 km of cable.",
    ],
)
def test_a_backed_figure_passes(text: str) -> None:
    assert list(rules.figure_breaches(book(text), ALLOWED)) == []


def test_text_right_behind_a_table_is_found() -> None:
    table = "| stage | time |\n|---|---|\n| network | some |\n"
    assert len(list(rules.table_breaches(book(f"{table}[Source: X, 2025]")))) == 1
    assert list(rules.table_breaches(book(f"Text.\n\n{table}\n[Source: X, 2025]"))) == []


def test_links_paths_and_names_lead_somewhere() -> None:
    good = (
        "[a](../README.md#start) [b](https://example.org) `lab_kit/cli/call.py` `lab_kit.measure`"
    )
    folder = Path(__file__).parents[2] / "labs"
    assert list(rules.link_breaches(book(good), folder)) == []
    bad = (
        "[a](nowhere.md) `lab_kit/nothing.py` `lab_kit.core.call_record.Nothing` `lab_kit.nothing`"
    )
    assert len(list(rules.link_breaches(book(bad), folder))) == 4
