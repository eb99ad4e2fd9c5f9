"""Build the book: the labs with what they showed, and the documents, as pages without a server.

    .venv/bin/python docs/book/make_book.py [--no-run] [LAB ...]

Runs the labs in short and leaves the notebooks and the reader's progress alone. The pages are in
build/book/html. Warnings of Sphinx, links within the book that lead nowhere and parts that would
come from elsewhere end the build with status 1.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from sphinx.cmd.build import build_main

from lab_kit.core.still_form import WIDGET_TYPE, is_still_form
from lab_kit.course.catalog import LABS, ROLES, Lab, find_lab

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "labs"))
from refresh_outputs import execute_in_short  # noqa: E402  # where the folder is known

CELL_TIMEOUT_S = 300
"""A cell of a short run takes seconds; on a busy machine, a minute."""
CHECKED_TAG = "nbval-check-output"
REFERENCE = (
    *("glossary", "figures", "server", "personal-data", "governance", "retention"),
    *("billing", "stand-in", "setup", "docker", "kubernetes", "gpu"),
)
LEADING = Path("labs/INSTRUCTOR.md")
ABOUT = ("ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG", "CODE_OF_CONDUCT")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
NOT_THERE = "widget of the notebook; it is not in this book"


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather, run, build and check; the exit status."""
    parser = argparse.ArgumentParser(description="Build the book of the course.")
    parser.add_argument(
        "labs", nargs="*", metavar="LAB", help="two digits; all where none is given"
    )
    parser.add_argument("--no-run", action="store_true", help="labs without outputs, in seconds")
    parser.add_argument("--out", type=Path, default=ROOT / "build/book", metavar="FOLDER")
    options = parser.parse_args(arguments)
    labs = [find_lab(number) for number in options.labs]
    labs = labs or [lab for lab in LABS if lab.is_available]
    source, pages = options.out / "source", options.out / "html"
    for folder in (source, pages):
        shutil.rmtree(folder, ignore_errors=True)
    gather(source, labs, is_run=not options.no_run)
    status = int(build_main(["-W", "--keep-going", "-q", "-b", "html", str(source), str(pages)]))
    faults = [*broken_links(pages), *parts_from_elsewhere(pages)]
    print(*faults, sep="\n", file=sys.stderr)
    if not status and not faults:
        print(f"The book: {pages / 'index.html'}")
    return 1 if status or faults else 0


def gather(source: Path, labs: Sequence[Lab], *, is_run: bool) -> None:
    """Lay out everything that Sphinx reads, each page where its links expect the others."""
    (source / "_static").mkdir(parents=True)
    shutil.copy(HERE / "conf.py", source)
    shutil.copy(HERE / "book.css", source / "_static")
    documents = [LEADING, *(Path("docs") / f"{name}.md" for name in REFERENCE)]
    documents += [Path(f"{name}.md") for name in ABOUT]
    documents += [path.relative_to(ROOT) for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    known = {path.as_posix() for path in documents} | {lab.file for lab in labs}
    for path in documents:
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / path).read_text("utf-8")
        target.write_text(only_known_links(text, path.parent, known), "utf-8")
    for lab in labs:
        notebook = nbformat.read(ROOT / lab.file, as_version=4)
        if is_run:
            print(f"running {lab.file}", flush=True)
            run(notebook)
        nbformat.write(as_page(notebook, known), source / lab.file)
    (source / "index.md").write_text(start_page(labs), "utf-8")


def run(notebook: NotebookNode) -> None:
    """Execute a notebook in place, in short, with a progress file of its own.

    Raises:
        CellExecutionError: a cell failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        progress = str(Path(folder) / "progress.json")
        environment = {**os.environ, "LAB_PROFILE": "ci", "LAB_PROGRESS": progress}
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": str(ROOT / "labs")}},
            store_widget_state=False,
        )
        execute_in_short(client, environment)


def as_page(notebook: NotebookNode, known: set[str]) -> NotebookNode:
    """A notebook as it is read: exercises folded, widgets named, links kept within the book."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            source = cell.source.replace("(#References)", "(#references)")  # as Sphinx spells it
            cell.source = only_known_links(source, Path("labs"), known)
            continue
        if CHECKED_TAG in cell.metadata.get("tags", []):
            cell.metadata.tags = [*cell.metadata.tags, "hide-cell"]
        cell.outputs = list(_without_widgets(cell.outputs))
    return notebook


def _without_widgets(outputs: Sequence[NotebookNode]) -> Iterator[NotebookNode]:
    """Outputs with words in each widget's place: its own still form, or that it was there."""
    for output, following in zip_longest(outputs, outputs[1:], fillvalue=NotebookNode()):
        if WIDGET_TYPE not in output.get("data", {}):
            yield output
        elif not is_still_form(following.get("data", {}).get("text/html")):
            output.data = NotebookNode({"text/plain": NOT_THERE})
            yield output


def only_known_links(text: str, folder: Path, known: set[str]) -> str:
    """The text with the words alone of links that lead out of the book to a file."""

    def kept(found: re.Match[str]) -> str:
        words, target = found.groups()
        path, is_outside = target.split("#")[0], "://" in target or target.startswith("mailto:")
        if is_outside or not path:
            return found.group()
        where = os.path.normpath((folder / path).as_posix())
        return found.group() if where in known else words

    return LINK.sub(kept, text)


def start_page(labs: Sequence[Lab]) -> str:
    """The first page: what this is, a path for each role, and the contents."""
    there = {lab.number for lab in labs}

    def steps(path: Sequence[str]) -> str:
        named = (find_lab(number) for number in path)
        return ", ".join(
            f"[{lab.number} {lab.title}]({lab.file})"
            if lab.number in there
            else f"{lab.number} {lab.title} (to come)"
            for lab in named
        )

    paths = [f"- **{role.name}**: {steps(role.path)}" for role in ROLES]
    return "\n".join(
        [
            "# Serving speech models in production",
            "",
            "What the labs of `lab_kit` teach, to read without running anything. Pictures and",
            "figures are of one short run on one machine: they show what there is to see, and not",
            "what you would measure. Guesses, microphones and exercises need the notebooks, which",
            "`make lab` opens.",
            "",
            "## Where to begin",
            "",
            *paths,
            "",
            *_contents(
                "Labs",
                [
                    *(
                        f"{lab.number} {lab.title} <{lab.file.removesuffix('.ipynb')}>"
                        for lab in labs
                    ),
                    str(LEADING.with_suffix("")),
                ],
            ),
            *_contents("Reference", [f"docs/{name}" for name in REFERENCE]),
            *_contents("About", [*ABOUT, "docs/decisions/README"]),
            *_contents("Decisions", _decisions()),
        ]
    )


def _decisions() -> list[str]:
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    return [f"docs/decisions/{page.stem}" for page in pages]


def _contents(caption: str, pages: Sequence[str]) -> list[str]:
    return [
        "```{toctree}",
        f":caption: {caption}",
        ":maxdepth: 1",
        ":hidden:",
        "",
        *pages,
        "```",
        "",
    ]


class _References(HTMLParser):
    """What a page leads to, what it is made of, and what it can be led to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag in ("script", "img", "source", "iframe") and given.get("src"):
            self.parts.append(given["src"] or "")
        if tag == "link" and given.get("rel") in ("stylesheet", "preload") and given.get("href"):
            self.parts.append(given["href"] or "")
        self.anchors |= {given[name] or "" for name in ("id", "name") if given.get(name)}


def broken_links(pages: Path) -> Iterator[str]:
    """Links and parts of the pages that are not there."""
    read = {page.resolve(): _read(page) for page in pages.rglob("*.html")}
    for page, found in read.items():
        for target in [*found.links, *found.parts]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            where = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            name = f"{page.relative_to(pages.resolve())}: {target[:80]}"
            if not where.exists():
                yield f"{name} leads nowhere"
            elif parts.fragment and unquote(parts.fragment) not in _anchors(read, where):
                yield f"{name} leads to no such place in its page"


def _anchors(read: Mapping[Path, _References], where: Path) -> set[str]:
    return read[where].anchors if where in read else set()


def parts_from_elsewhere(pages: Path) -> Iterator[str]:
    """Scripts, styles and pictures that a page would fetch from another place."""
    for page in pages.rglob("*.html"):
        for part in _read(page).parts:
            if urlsplit(part).netloc:
                yield f"{page.relative_to(pages)}: {part[:80]} comes from elsewhere"


def _read(page: Path) -> _References:
    found = _References()
    found.feed(page.read_text("utf-8"))
    return found


if __name__ == "__main__":
    sys.exit(main())
