"""Two JSON schemas of one place, and every way in which the values they allow differ.

A difference either takes values away or lets new ones in. What that means depends on who writes
them, so each comparison is told its side; the rest of the direction stands in `rules`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Side, shown
from lab_kit.protocol.contract.document import (
    ANY,
    MOST_DEPTH,
    NOTES,
    Branch,
    Document,
    comparable,
    list_at,
    names_at,
    number_at,
    object_at,
    text_at,
)
from lab_kit.protocol.contract.findings import Findings

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COUNTS = ("minLength", "minItems", "minProperties")
"""0 is the same as none."""
_FORMATS = ("format", "contentEncoding", "contentMediaType")
_WIDER = {("int32", "int64"), ("float", "double")}
_READ = {
    *(*_LOWER, *_UPPER, *_FORMATS, *NOTES, "enum", "multipleOf", "pattern"),
    *("uniqueItems", "properties", "required", "additionalProperties", "items", "prefixItems"),
}
"""Keywords that are compared, or that say nothing about values."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comparison stands.

    Attributes:
        holder: the operation's part, or the named schema.
        used_by: the operation, or the named schema and the side that it is met on.
        inside: the field in it, such as ``segments[].text``.
        depth: fields and items on the way here.
    """

    side: Side
    holder: str
    used_by: str
    inside: str = ""
    depth: int = 0

    @property
    def path(self) -> str:
        """As a `Change` has it."""
        return f"{self.holder}: {self.inside}" if self.inside else self.holder

    def field(self, name: str) -> "Place":
        """The place of a field of this object."""
        inside = f"{self.inside}.{name}" if self.inside else name
        return replace(self, inside=inside, depth=self.depth + 1)

    def items(self, which: str = "") -> "Place":
        """The place of the items of this list."""
        return replace(self, inside=f"{self.inside}[{which}]", depth=self.depth + 1)


@dataclass(slots=True)
class SchemaComparison:
    """Compares the schemas of two documents."""

    old: Document
    new: Document
    findings: Findings
    _met: dict[tuple[int, int, str], tuple[Any, Any]] = field(default_factory=dict)
    """Pairs that were met in the same holder: a schema may hold itself. They are kept, so that no
    other object gets the number of one that is gone."""
    _named: set[tuple[str, str, Side, bool]] = field(default_factory=set)
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    """Named schemas that were met and not compared yet: one after the other, as some lead to
    hundreds of others."""

    def compare(self, old: Any, new: Any, at: Place) -> None:
        """Note every difference between two schemas of one place.

        Raises:
            InvalidContract: one cannot be read.
        """
        self._look(old, new, at)
        while self._waiting:
            self._waiting.pop()()

    def _look(self, old: Any, new: Any, at: Place) -> None:
        was, now = self.old.name_of(old), self.new.name_of(new)
        if was is not None and now is not None:
            self._later(was, now, at, True, partial(self._schema, old, new))
            return
        if at.depth > MOST_DEPTH:
            raise InvalidContract(
                f"fields inside one another more than {MOST_DEPTH} deep, at {at.path[:200]}",
                "fewer",
                "look at the document with a validator",
            )
        pair = (id(old), id(new), f"{at.used_by} {at.side}")
        if pair not in self._met:
            if isinstance(old, dict) and isinstance(new, dict):
                self._met[pair] = old, new
            self._schema(old, new, at)

    def _later(
        self, was: str, now: str, at: Place, is_whole: bool, compare: Callable[[Place], None]
    ) -> None:
        """Compare what has a name once on each side, however often it is met.

        Args:
            is_whole: with its alternatives, not as one of a choice.
        """
        there = Place(at.side, now, f"{now} ({at.side})")
        self.findings.link(there.used_by, at.used_by)
        if (was, now, at.side, is_whole) not in self._named:
            self._named.add((was, now, at.side, is_whole))
            self._waiting.append(partial(compare, there))

    def _schema(self, old: Any, new: Any, at: Place) -> None:
        was, now = self.old.default_of(old), self.new.default_of(new)
        if was != now:
            self._note("default_changed", at, was, now)
        these, those = self.old.branches(old), self.new.branches(new)
        self._kinds([one.kind for one in these], [one.kind for one in those], at)
        for family in dict.fromkeys(_family(branch.kind) for branch in these):
            was_of, now_of = (_of_family(family, each) for each in (these, those))
            if now_of:
                self._alternatives(was_of, now_of, at)

    def _kinds(self, old: list[str], new: list[str], at: Place) -> None:
        """Types that went, came or took each other's place."""
        old, new = list(dict.fromkeys(old)), list(dict.fromkeys(new))
        if (ANY in old) != (ANY in new):
            self._note("type_lost" if ANY in old else "type_gained", at, _listed(old), _listed(new))
            return
        numbers = {"integer", "number"}
        if numbers & {*old} and numbers & {*new} and ("number" in old) != ("number" in new):
            is_wider = "number" in new
            words = ("whole number", "number")
            rule = "number_widened" if is_wider else "number_narrowed"
            self._note(rule, at, words[not is_wider], words[is_wider])
        families, families_now = ({_family(kind) for kind in each} for each in (old, new))
        lost = [kind for kind in old if _family(kind) not in families_now]
        gained = [kind for kind in new if _family(kind) not in families]
        if lost and gained and len(lost) == len(old):
            self._note("type_changed", at, _listed(old), _listed(new))
        elif ANY not in old:
            if lost:
                self._note("type_lost", at, _listed(lost), _listed(new))
            if gained:
                self._note("type_gained", at, _listed(old), _listed(gained))

    def _alternatives(self, was: list[Branch], now: list[Branch], at: Place) -> None:
        """Schemas of one type on both sides: those that belong together, and the rest."""
        pairs = _pairs(was, now)
        for number, branch in enumerate(was):
            if number not in pairs:
                self._note("alternative_removed", at, _named(branch), None)
        for number, branch in enumerate(now):
            if number not in pairs.values():
                self._note("alternative_added", at, None, _named(branch))
        for number, other_number in pairs.items():
            branch, other = was[number], now[other_number]
            if branch.name is not None and other.name is not None:
                compare = partial(self._branch, branch, other)
                self._later(branch.name, other.name, at, False, compare)
            else:
                self._branch(branch, other, at)

    def _branch(self, was: Branch, now: Branch, at: Place) -> None:
        old, new = was.keywords, now.keywords
        self._values(old.get("enum"), new.get("enum"), at)
        self._bounds(old, new, at)
        self._formats(old, new, at)
        if "object" in (was.kind, now.kind):
            self._fields(old, new, at)
        if "array" in (was.kind, now.kind):
            self._items(old, new, at)
        for key in {**old, **new}:
            if key not in _READ and not key.startswith("x-") and old.get(key) != new.get(key):
                self._note("unread", at, *(_unread(each, key) for each in (old, new)))

    def _values(self, old: list[Any] | None, new: list[Any] | None, at: Place) -> None:
        if old is None and new is None:
            return
        if old is None or new is None:
            self._note("values_listed" if old is None else "values_unlisted", at, old, new)
            return
        known, known_now = set(map(comparable, old)), set(map(comparable, new))
        lost = [value for value in old if comparable(value) not in known_now]
        gained = [value for value in new if comparable(value) not in known]
        if lost and len(lost) == len(old):
            self._note("values_replaced", at, _values_told(old), _values_told(new))
            return
        if lost:
            self._note("values_lost", at, _values_told(lost), _values_told(new))
        if gained:
            self._note("values_gained", at, _values_told(old), _values_told(gained))

    def _bounds(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Place) -> None:
        for key in (*_LOWER, *_UPPER):
            was, now = _bound(old, key), _bound(new, key)
            if was != now:
                sign = 1 if key in _LOWER else -1
                is_tighter = was is None or (now is not None and sign * now > sign * was)
                rule = "bound_tightened" if is_tighter else "bound_loosened"
                self._note(rule, at, _told(key, was), _told(key, now))
        for key in ("pattern", "multipleOf", "uniqueItems"):
            was, now = old.get(key) or None, new.get(key) or None
            if key == "multipleOf":
                was, now = number_at(old, key), number_at(new, key)
            if was != now:
                self._note(_moved(key, was, now), at, _told(key, was), _told(key, now))

    def _formats(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Place) -> None:
        for key in _FORMATS:
            was, now = text_at(old, key), text_at(new, key)
            if was == now:
                continue
            if was is None or now is None:
                rule = "format_added" if was is None else "format_removed"
            elif (was, now) in _WIDER:
                rule = "format_widened"
            else:
                rule = "format_narrowed" if (now, was) in _WIDER else "format_changed"
            self._note(rule, at, was, now)

    def _fields(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Place) -> None:
        was, now = _fields_of(old), _fields_of(new)
        must, must_now = set(names_at(old, "required")), set(names_at(new, "required"))
        is_closed = old.get("additionalProperties", True) is False
        for name in {**was, **now}:
            there = at.field(name)
            if name not in was:
                rule = "field_added_to_closed" if is_closed else "field_added"
                if name in must_now and not (is_closed and at.side is Side.ANSWER):
                    rule = "required_field_added"
                self._note(rule, there, None, self._type_told(self.new, now[name]))
            elif name not in now:
                rule = "required_field_removed" if name in must else "field_removed"
                self._note(rule, there, self._type_told(self.old, was[name]), None)
            else:
                if (name in must) != (name in must_now):
                    rule = "field_required" if name in must_now else "field_optional"
                    words = ("optional", "required")
                    self._note(rule, there, words[name in must], words[name in must_now])
                self._look(was[name], now[name], there)
        self._others(old, new, at)

    def _others(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Place) -> None:
        """Fields that have no name in the schema."""
        was, now = (each.get("additionalProperties", True) for each in (old, new))
        if (was is False) != (now is False):
            rule = "other_fields_allowed" if was is False else "other_fields_refused"
            words = ("other fields", "no other fields")
            self._note(rule, at, words[was is False], words[now is False])
        elif was is not False:
            self._look(was, now, at.field("*"))

    def _items(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Place) -> None:
        first, first_now = (list_at(each, "prefixItems") for each in (old, new))
        rest, rest_now = old.get("items", True), new.get("items", True)
        for number in range(max(len(first), len(first_now))):
            was = first[number] if number < len(first) else rest
            now = first_now[number] if number < len(first_now) else rest_now
            self._look(was, now, at.items(str(number)))
        self._look(rest, rest_now, at.items())

    def _type_told(self, document: Document, schema: Any) -> str:
        name = document.name_of(schema)
        return name or _listed([one.name or one.kind for one in document.branches(schema)])

    def _note(self, rule: str, at: Place, was: object, now: object) -> None:
        self.findings.add(rule, at.side, at.path, was, now, at.used_by)


def _family(kind: str) -> str:
    """Whole numbers are numbers, and held against them."""
    return "number" if kind == "integer" else kind


def _of_family(family: str, branches: Sequence[Branch]) -> list[Branch]:
    """Without whole numbers, where any number will do."""
    found = [branch for branch in branches if _family(branch.kind) == family]
    wide = [branch.keywords for branch in found if branch.kind == "number"]
    return [one for one in found if one.kind != "integer" or one.keywords not in wide]


def _pairs(was: Sequence[Branch], now: Sequence[Branch]) -> dict[int, int]:
    """Which alternative became which, the likest first; two single ones belong together."""
    if len(was) == len(now) == 1:
        return {0: 0}
    likeness = {
        (number, other_number): _likeness(one, other)
        for number, one in enumerate(was)
        for other_number, other in enumerate(now)
    }
    found: dict[int, int] = {}
    taken: set[int] = set()
    for (number, other_number), like in sorted(likeness.items(), key=lambda item: -item[1]):
        if like and number not in found and other_number not in taken:
            found[number] = other_number
            taken.add(other_number)
    return dict(sorted(found.items()))


def _likeness(one: Branch, other: Branch) -> int:
    """How much two alternatives are taken for the same one; 0 not at all."""
    if one.name is not None and one.name == other.name:
        return 1_000_000
    if one.keywords == other.keywords:
        return 500_000
    was, now = _fields_of(one.keywords), _fields_of(other.keywords)
    told, told_now = _tag(was), _tag(now)
    if told and told == told_now:
        return 100_000
    if told or told_now:
        return 0
    return len(was.keys() & now.keys()) or int(not was and not now)


def _tag(fields: Mapping[str, Any]) -> dict[str, str]:
    """The fields of one value, by which a reader tells an alternative from the others."""
    values = {
        name: [schema["const"]] if "const" in schema else list_at(schema, "enum")
        for name, schema in fields.items()
        if isinstance(schema, dict)
    }
    return {name: str(given[0]) for name, given in values.items() if len(given) == 1}


def _fields_of(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those with a schema, and those that are only required."""
    required = names_at(keywords, "required")
    return {**dict.fromkeys(required, True), **object_at(keywords, "properties")}


def _bound(keywords: Mapping[str, Any], key: str) -> float | None:
    value = number_at(keywords, key)
    return None if value == 0 and key in _COUNTS else value


def _moved(key: str, was: Any, now: Any) -> str:
    if was is None or now is None:
        return "bound_tightened" if was is None else "bound_loosened"
    if key == "multipleOf" and was and now:
        looser, tighter = was % now == 0, now % was == 0
        return "bound_loosened" if looser else "bound_tightened" if tighter else "bound_moved"
    return "bound_moved"


def _told(key: str, value: Any) -> str | None:
    return None if value is None else f"{key} {value}"


def _unread(keywords: Mapping[str, Any], key: str) -> str | None:
    return f"{key} {shown(keywords[key])}" if key in keywords else None


def _values_told(values: Sequence[Any]) -> str:
    return ", ".join("null" if value is None else str(value) for value in values)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) or "nothing"


def _named(branch: Branch) -> str:
    """How a sentence calls an alternative."""
    tag = _tag(_fields_of(branch.keywords))
    return branch.name or ", ".join(f"{name} {value}" for name, value in tag.items()) or branch.kind
