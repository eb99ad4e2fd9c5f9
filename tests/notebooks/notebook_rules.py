"""What every notebook must keep to, as functions from a notebook to the breaches found in it.

Sizes, cells and outputs first; then what the prose says: citations, figures, links.
"""

import ast
import importlib
import re
import statistics
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from nbformat import NotebookNode
from refresh_outputs import SHORT, is_checked

ROOT = Path(__file__).parents[2]
MOST_CODE_CELLS = 30
"""A guess is a cell of its own, of one line."""
MOST_CODE_LINES = 15
MEDIAN_CODE_LINES = 6
MOST_WORDS = 120
BENCH_BY_CELL = 3

UNITS = (
    r"ms|µs|milliseconds?|microseconds?|s|seconds?|min|minutes?|h|hours?|days?|%|percent|Hz|kHz|"
    r"[kMG]?bit/s|[kKMGT]i?B|bytes?|tok(?:ens)?/s|km|dB|x|times"
)
FIGURE = re.compile(
    rf"(?:[$€]\s?)?\d[\d,.–-]*(?<![,.–-])[\s\u00a0-]?(?:{UNITS})(?![\w/])|[$€]\s?\d[\d,.]*"
)
SOURCE = re.compile(r"\[Source: ([^\]]+)\]")
REFERENCES = "(#References)"
UNLINKED = re.compile(rf"\[Source: [^\]]+\](?!{re.escape(REFERENCES)})")
PRINTED = ("Jackson, S. (2026)", "Nielsen, J. (1993)")
"""Books, which have no address to read them at."""
SCAFFOLDING = ("NBVAL", "by_profile", "LAB_PROFILE", "lab_kit.core.profile")
INSTALL = re.compile(r"^\s*[!%].*\b(pip|conda|mamba|apt|apt-get)\b", re.MULTILINE)
PERCENTILE = re.compile(r"\b(percentile|quantiles?|nanpercentile)\(")
EXERCISE = re.compile(r"^# Exercise \d\d\.\d|\bcheck\(\s*\"\d\d\.\d\"", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
OUR_NAME = re.compile(r"lab_kit(?:\.\w+)+")
OUR_PATH = re.compile(r"(?:labs|lab_kit|datasets|tests|docker|packaging)/[\w./-]+")


def size_breaches(notebook: NotebookNode) -> Iterator[str]:
    """Too many code cells, too long ones, too long a text."""
    sizes = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    if len(sizes) > MOST_CODE_CELLS:
        yield f"{len(sizes)} code cells; at most {MOST_CODE_CELLS}"
    if sizes and statistics.median(sizes) > MEDIAN_CODE_LINES:
        yield f"the median code cell has {statistics.median(sizes)} lines; aim at 6 or fewer"
    for number, cell in enumerate(notebook.cells):
        lines = len(cell.source.splitlines())
        if cell.cell_type == "code" and lines > MOST_CODE_LINES:
            yield f"cell {number}: {lines} lines of code; at most {MOST_CODE_LINES}"
        if cell.cell_type == "markdown" and (words := word_count(cell.source)) > MOST_WORDS:
            yield f"cell {number}: {words} words; at most {MOST_WORDS}"


def word_count(markdown: str) -> int:
    """Words of prose: tables are read by their cells, and references are looked up, not read."""
    if is_references(markdown):
        return 0
    prose = [line for line in markdown.splitlines() if not line.lstrip().startswith("|")]
    return len(" ".join(prose).split())


def code_breaches(notebook: NotebookNode) -> Iterator[str]:
    """Classes, functions outside exercises, installs, percentile arithmetic, a late start."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield from (f"cell {number}: {what}" for what in _cell_breaches(cell.source))
    started = [n for n, cell in enumerate(code_cells(notebook)) if "Bench.start(" in cell.source]
    if not started or started[0] >= BENCH_BY_CELL:
        yield f"no Bench.start() in the first {BENCH_BY_CELL} code cells"


def scaffolding_breaches(notebook: NotebookNode) -> Iterator[str]:
    """What stands on the page for a machine that checks; and short lines that miss theirs."""
    for number, cell in enumerate(notebook.cells):
        yield from (f"cell {number}: {word}" for word in SCAFFOLDING if word in cell.source)
        lines = cell.source.split("\n")
        for full in cell.metadata.get(SHORT, {}):
            if lines.count(full) != 1:
                yield f"cell {number}: {full!r} is {lines.count(full)} times in it, not once"


def output_breaches(notebook: NotebookNode) -> Iterator[str]:
    """Outputs that are committed but compared by nobody, or compared but missing."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        kept = bool(cell.outputs) or cell.execution_count is not None
        if is_checked(cell) and not (cell.outputs and cell.execution_count is not None):
            yield f"cell {number}: is checked but has no output and count; run: make outputs"
        if not is_checked(cell) and kept:
            yield f"cell {number}: has an output that no test compares; run: make outputs"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {number}: the stored output is a traceback"


def citation_breaches(notebook: NotebookNode) -> Iterator[str]:
    """Citations without a link and an entry, and entries that nothing cites or reaches."""
    entries = reference_entries(notebook)
    cited = set(citations(notebook))
    for name, year in sorted(cited):
        if not any(_is_entry_of(entry, name, year) for entry in entries):
            yield f"[Source: {name}, {year}] has no entry under References"
    for entry in entries:
        if not any(_is_entry_of(entry, name, year) for name, year in cited):
            yield f"nothing cites the reference '{entry[:60]}'"
        if "](https://" not in entry and not entry.startswith(PRINTED):
            yield f"the reference '{entry[:60]}' has no address"
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and not is_references(cell.source):
            for found in UNLINKED.findall(cell.source):
                yield f"cell {number}: {found} is no link to {REFERENCES}"


def figure_breaches(notebook: NotebookNode, allowed: Mapping[str, str]) -> Iterator[str]:
    """Figures with a unit in prose that neither a source backs nor the list of settings allows.

    What a cell prints, what stands in code and what a sentence with a [Source] says is backed.
    """
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or is_references(cell.source):
            continue
        for statement in statements(cell.source):
            if SOURCE.search(statement):
                continue
            for figure in FIGURE.findall(statement):
                if " ".join(figure.replace("\u00a0", " ").split()) not in allowed:
                    yield f"cell {number}: '{figure}' has no source: {statement[:80]}"


def table_breaches(notebook: NotebookNode) -> Iterator[str]:
    """Text right behind a table, which a page takes for its last row."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        for line, after in pairwise(cell.source.splitlines()):
            if line.startswith("|") and after.strip() and not after.startswith("|"):
                yield f"cell {number}: no empty line before: {after[:80]}"


def link_breaches(notebook: NotebookNode, folder: Path) -> Iterator[str]:
    """Links to files that are not there, names that `lab_kit` does not have."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        for target in LINK.findall(cell.source):
            if "://" not in target and not (folder / target.split("#")[0]).exists():
                yield f"cell {number}: the link {target} leads nowhere"
        for span in CODE_SPAN.findall(cell.source):
            if OUR_PATH.fullmatch(span) and not (ROOT / span).exists():
                yield f"cell {number}: there is no {span}"
            if OUR_NAME.fullmatch(span) and not name_exists(span):
                yield f"cell {number}: lab_kit has no {span}"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def statements(markdown: str) -> Iterator[str]:
    """Sentences, list items and table rows, without code and link addresses.

    A table whose next line of text has a [Source] has it in every row.
    """
    text = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = LINK.sub("]", CODE_SPAN.sub("CODE", text))
    text = re.sub(r"(?m)(^\|.*)\n\s*\n(?=[^\n|]*\[Source)", r"\1\n", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text):
        lines = block.splitlines()
        rows = [line for line in lines if line.lstrip().startswith("|")]
        rest = " ".join(line for line in lines if not line.lstrip().startswith("|"))
        below = "".join(f" {found.group()}" for found in SOURCE.finditer(rest)) if rows else ""
        yield from (row + below for row in rows)
        yield from (part for part in re.split(r"(?<=[.?!])\s+(?=[A-Z\"“*_])", rest) if part)


def citations(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Name and year of every [Source: Name, Year; Name, Year], in prose and in code."""
    for cell in notebook.cells:
        for found in SOURCE.findall(cell.source):
            for one in found.split(";"):
                name, _, year = one.strip().rpartition(",")
                yield name.strip(), year.strip()


def reference_entries(notebook: NotebookNode) -> list[str]:
    """The list items under the heading References."""
    text = "\n".join(c.source for c in notebook.cells if is_references(c.source))
    return [line.strip()[2:].strip() for line in text.splitlines() if line.strip()[:2] in _BULLETS]


def is_references(markdown: str) -> bool:
    """Whether a cell is the list of references."""
    return bool(re.match(r"\s*#+ References", markdown))


def name_exists(dotted: str) -> bool:
    """Whether a dotted name can be imported, or is an attribute of what can."""
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[size:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


_BULLETS = ("- ", "* ")


def _cell_breaches(source: str) -> Iterator[str]:
    if INSTALL.search(source):
        yield "installs something"
    if PERCENTILE.search(source):
        yield "computes a percentile; lab_kit.measure.percentiles has them"
    python = "\n".join(line for line in source.splitlines() if line.lstrip()[:1] not in "!%")
    tree = compile(python, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield f"defines the class {node.name}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not EXERCISE.search(source):
            yield f"defines the function {node.name} outside an exercise"


def _is_entry_of(entry: str, name: str, year: str) -> bool:
    """`Kwon et al., 2023` names `Kwon, W. et al. (2023), ...`: same first word, the rest in it."""
    words = name.replace(",", " ").split()
    return (
        bool(words)
        and entry.startswith(words[0])
        and f"({year})" in entry
        and all(word in entry for word in words)
    )
