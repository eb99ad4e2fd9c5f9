"""The versions that a server has, and how the shadow's answers differ from production's."""

import difflib
import html
from collections.abc import Sequence

from lab_kit.client import ShadowReport, VersionStatus
from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.show.draw.display import show_html, wrapped

_MARKED = "background:rgba(213,94,0,.25)"


def versions(states: Sequence[VersionStatus]) -> None:
    """List the versions: what each is to callers, whom it serves, why it failed."""
    table = tabulate_versions(states)
    show_html(table.html, table.text)


def tabulate_versions(states: Sequence[VersionStatus]) -> Table:
    """One line a version, and why some failed beneath."""
    head = ("version", "state", "is", "settings", "serves")
    rows = []
    for state in states:
        share = "" if state.share is None else f" of {percent(state.share)}"
        settings = ", ".join(f"{name}={value}" for name, value in state.settings.items())
        labels = ", ".join(state.labels) + share
        rows.append((str(state.number), state.state, labels, settings, str(state.in_flight)))
    why = [wrapped(f"{state.number}: {state.reason}") for state in states if state.reason]
    return Table("version", head, rows, why, left=len(head))


def shadow(report: ShadowReport) -> None:
    """Show how often the shadow would have answered otherwise, and the last such answers."""
    sides = ((p.production, p.shadow) for p in report.pairs)
    pairs = "".join(
        f"<tr><td>{_words(ours, theirs)}</td><td>{_words(theirs, ours)}</td></tr>"
        for ours, theirs in sides
    )
    head = "<tr><th>production said</th><th>the shadow would have said</th></tr>"
    text = tabulate_shadow(report)
    show_html(f"<p>{html.escape(_summary(report))}</p><table>{head}{pairs}</table>", text)


def tabulate_shadow(report: ShadowReport) -> str:
    """The counts, then each pair that differs."""
    pairs = [f"  {p.production!r}\n  {p.shadow!r}\n" for p in report.pairs]
    return "\n".join([_summary(report), *pairs])


def _summary(report: ShadowReport) -> str:
    rate = "-" if report.word_error_rate is None else percent(report.word_error_rate, 1)
    return (
        f"version {report.version} in the shadow: {report.compared} answers compared,"
        f" {report.different} differ, word error rate against production {rate};"
        f" {report.skipped} skipped, {report.failed} failed"
    )


def _words(text: str, other: str) -> str:
    """The text with the words marked that the other does not have in this place."""
    ours, theirs = text.split(), other.split()
    same: set[int] = set()
    for block in difflib.SequenceMatcher(None, ours, theirs).get_matching_blocks():
        same |= set(range(block.a, block.a + block.size))
    marked = (
        html.escape(word) if at in same else f'<span style="{_MARKED}">{html.escape(word)}</span>'
        for at, word in enumerate(ours)
    )
    return " ".join(marked)
