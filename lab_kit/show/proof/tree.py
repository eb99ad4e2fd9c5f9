"""The tree over a log's first records: the way of one to the root, and what an auditor is given."""

from collections.abc import Collection

from lab_kit.core.table import Table
from lab_kit.experiments.proof import Log, Node, Path, changed_nodes, path_of, split_of
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

MOST_RECORDS = 16
_LEVEL_PX, _TOP_PX, _SHOWN_HEX = 44, 42, 4
_MILLION = 1_000_000


def proof_tree(log: Log, record: int, size: int = 13, guess: Guess | None = None) -> None:
    """Draw the tree over a log's first records, and the way of one of them to the root.

    Args:
        size: records, at most `MOST_RECORDS`.
        guess: of how many hashes an auditor has to be given for one record of a million.

    Raises:
        IndexError: there is no such record.
    """
    path = path_of(log.lines[: min(size, MOST_RECORDS)], record)
    verdict = tree_verdict(path)
    words = "" if guess is None else guess.against(float(given_of(_MILLION)))
    show_drawing(draw_tree(path), tabulate_path(path), Verdict(verdict.told, verdict.sign, words))


def changed_tree(log: Log, forged: Log, record: int, size: int = 13) -> None:
    """Draw which hashes of the tree are others once records were changed.

    Raises:
        IndexError: there is no such record.
        ValueError: the logs are not equally long.
    """
    count = min(size, MOST_RECORDS)
    before, after = (path_of(one.lines[:count], record) for one in (log, forged))
    changed = changed_nodes(before, after)
    drawing = draw_tree(after, changed)
    show_drawing(drawing, tabulate_changed(before, after), changed_verdict(after, changed))


def given_of(size: int) -> int:
    """How many hashes show one record of so many, at most."""
    return (size - 1).bit_length()


def tree_verdict(path: Path) -> Verdict:
    """How many hashes there are, and how many an auditor needs."""
    count = len(path.given)
    hashes = "1 hash" if count == 1 else f"{count} hashes"
    return Verdict(
        f"{hashes} and the record itself give the root of {path.size}; for a million records it"
        f" takes {given_of(_MILLION)}."
    )


def changed_verdict(path: Path, changed: Collection[Node]) -> Verdict:
    """How many hashes are others, the root's among them or not."""
    if path.root not in changed:
        return Verdict("No hash is another one: these records were not changed.")
    leaves = sum(one.height == 0 for one in changed)
    return Verdict(
        f"{leaves} of {path.size} records are others, and {len(changed) - leaves} hashes above"
        " them, the root too."
    )


def draw_tree(path: Path, changed: Collection[Node] | None = None) -> Svg:
    """The picture.

    Args:
        changed: mark these, and not the way to the root.
    """
    levels = path.root.height + 1
    bottom = _TOP_PX + _LEVEL_PX * (levels - 1)
    is_way = changed is None
    title = (
        f"What shows that record {path.record} is in the log?"
        if is_way
        else "A record is changed: which hashes are others?"
    )
    drawn = "A tree of hashes over records, its root above, and the marked ones."
    svg = Svg(bottom + 58, title, drawn, ["the first digits of each hash", "RFC 9162, 2.1"])
    where = {node: _place(node, path, svg.width_px) for node in path.nodes}
    for node in path.nodes:
        for child in _children(node, path):
            svg.grid(where[node], where[child], is_zero=True)
    marked = path.on_path if changed is None else tuple(changed)
    for node, (x, y) in where.items():
        if node in marked:
            svg.points([(x, y)], theme.COMPUTE if is_way else theme.QUEUE, 6)
        elif is_way and node in path.given:
            svg.bar(x - 6, y - 6, 12, 12, theme.QUEUE, "given to the auditor")
        else:
            svg.points([(x, y)], theme.NEUTRAL, 3.5)
        shown = node.hash.hex()[:_SHOWN_HEX]
        svg.text((x, y - 10), shown, role=FAINT, size_px=theme.SMALL_PX, anchor="middle")
        if node.height == 0:
            svg.text((x, y + 20), str(node.start), anchor="middle", bold=node.start == path.record)
    x, y = where[path.root]
    svg.text((x + 24, y - 10), "the root, which is signed", size_px=theme.SMALL_PX)
    _legend(svg, bottom + 46, is_way=is_way)
    return svg


def tabulate_path(path: Path) -> Table:
    """A row for each hash on the way, and each that is given."""
    rows = [
        (f"{one.start} to {one.stop - 1}", what, one.hash.hex()[:16])
        for what, nodes in (("computed", path.on_path), ("given", path.given))
        for one in nodes
    ]
    return Table("hash", ("over the records", "how an auditor has it", "begins"), rows, left=3)


def tabulate_changed(before: Path, after: Path) -> Table:
    """A row for each hash that is another one, with how it began before and begins now."""
    rows = [
        (f"{new.start} to {new.stop - 1}", old.hash.hex()[:16], new.hash.hex()[:16])
        for old, new in zip(before.nodes, after.nodes, strict=True)
        if old != new
    ]
    return Table("hash", ("over the records", "began", "begins"), rows, left=3)


def _legend(svg: Svg, y: float, *, is_way: bool) -> None:
    left = theme.MARGIN_PX
    if not is_way:
        svg.points([(left + 6, y - 4)], theme.QUEUE, 6)
        svg.text((left + 18, y), "another hash than before")
        return
    svg.points([(left + 6, y - 4)], theme.COMPUTE, 6)
    svg.text((left + 18, y), "computed by the auditor from the record")
    svg.bar(left + 330, y - 10, 12, 12, theme.QUEUE, "given to the auditor")
    svg.text((left + 348, y), "given to the auditor")


def _place(node: Node, path: Path, width_px: float) -> tuple[float, float]:
    step = (width_px - 2 * theme.MARGIN_PX) / path.size
    x = theme.MARGIN_PX + step * (node.start + node.stop) / 2
    return x, _TOP_PX + _LEVEL_PX * (path.root.height - node.height)


def _children(node: Node, path: Path) -> list[Node]:
    """The two that it is made of."""
    if node.height == 0:
        return []
    middle = node.start + split_of(node.stop - node.start)
    ends = ((node.start, middle), (middle, node.stop))
    return [one for one in path.nodes if (one.start, one.stop) in ends]
