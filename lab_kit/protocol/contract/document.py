"""A JSON document with references, and the schemas in it taken apart into plain alternatives.

FastAPI writes an optional field as ``anyOf: [X, null]`` and a single value as ``const``; others
write ``type: [X, null]``, or join parts with ``allOf``. Here all of them become the same list of
`Branch`es, each of one type, so that a comparison sees what is meant and not how it was written.

Source: JSON Schema 2020-12; OpenAPI 3.1, "Schema Object".
"""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab_kit.core.errors import InvalidContract

MOST_BRANCHES = 200
"""Alternatives of one schema. Two alternatives that each refer to two others double with each step:
thirty such steps are a document of a few kilobytes and a list that fits no memory."""
MOST_DEPTH = 60
"""Schemas inside one another, without those that a reference repeats."""
MOST_STEPS = 1_000_000
"""Schemas looked at in one comparison; this project's own document takes some thousands."""
NOTES = (
    *("title", "description", "examples", "example", "deprecated", "externalDocs", "xml"),
    *("$comment", "$schema", "$id", "$anchor", "$defs", "definitions"),
)
"""Keywords that say nothing about values."""
ANY = "any"
"""The type of a schema that names none."""

_OF_OBJECTS = ("properties", "required", "additionalProperties", "patternProperties")
_OF_ARRAYS = ("items", "prefixItems")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative of a schema.

    Attributes:
        kind: a type of JSON, or `ANY`.
        keywords: what holds for it, without types, references, alternatives and defaults.
        name: of the schema that it is, among alternatives; None where it stands in place.
    """

    kind: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


@dataclass(slots=True)
class Document:
    """A document that was read, whose references are followed."""

    content: Mapping[str, Any]
    _steps: int = 0
    _known: dict[str, list[Branch]] = field(default_factory=dict)

    def resolved(self, node: Any) -> tuple[str | None, dict[str, Any]]:
        """What a node says once its references are followed, and where the last one led.

        Raises:
            InvalidContract: it refers to what is not there, to another document or to itself, or is
                no object.
        """
        there: str | None = None
        beside: dict[str, Any] = {}
        for _ in range(MOST_DEPTH):
            if not isinstance(node, dict):
                raise _unreadable(f"{_told(node)} where an object belongs")
            if "$ref" not in node:
                return there, {**node, **beside}
            beside = {**{key: value for key, value in node.items() if key != "$ref"}, **beside}
            there, node = node["$ref"], self._follow(node["$ref"])
        raise _unreadable(f"a reference that leads to itself, at {there}")

    def default_of(self, schema: Any) -> Any:
        """What a value is taken for that is left out, as JSON's text; None where nothing is."""
        if isinstance(schema, bool):
            return None
        whole = self.resolved(schema)[1]
        return json.dumps(whole["default"], sort_keys=True) if "default" in whole else None

    def branches(self, schema: Any, depth: int = 0) -> list[Branch]:
        """The alternatives of a schema, empty where no value fits.

        Raises:
            InvalidContract: it cannot be read, or has more than is looked at.
        """
        if isinstance(schema, bool):
            return [Branch(ANY)] if schema else []
        if isinstance(schema, dict) and schema.keys() == {"$ref"}:
            reference = str(schema["$ref"])
            if reference not in self._known:
                self._known[reference] = self._branches(schema, depth)
            return self._known[reference]
        return self._branches(schema, depth)

    def _branches(self, schema: dict[str, Any], depth: int) -> list[Branch]:
        self._steps += 1
        if depth > MOST_DEPTH or self._steps > MOST_STEPS:
            raise _unreadable(
                f"schemas inside one another more than {MOST_DEPTH} deep, or too many"
            )
        whole = self.resolved(schema)[1]
        found = _with_types(Branch(ANY, _plain(whole)), whole)
        for part in list_at(whole, "allOf"):
            found = self._joined(found, self._part(part, depth))
        for key in ("anyOf", "oneOf"):
            if key in whole:
                inner = (one for part in list_at(whole, key) for one in self._part(part, depth))
                found = self._joined(found, _bounded(inner))
        return [one for branch in found for one in _typed(branch)]

    def name_of(self, schema: Any) -> str | None:
        """The name of the schema that is referred to; None where more is said in this place."""
        if not isinstance(schema, dict) or any(key not in ("$ref", *NOTES) for key in schema):
            return None
        there = self.resolved(schema)[0]
        return None if there is None else there[2:].replace("components/schemas/", "schemas.", 1)

    def _part(self, schema: Any, depth: int) -> list[Branch]:
        """The alternatives of a part, under its name if it is a single one."""
        found = self.branches(schema, depth + 1)
        if len(found) != 1 or found[0].name is not None:
            return found
        return [Branch(found[0].kind, found[0].keywords, self.name_of(schema))]

    def _joined(self, these: list[Branch], those: list[Branch]) -> list[Branch]:
        """Each of these with each of those, where both can hold."""
        pairs = ((a, b) for a in these for b in those)
        return _bounded(both for a, b in pairs if (both := _both(a, b)) is not None)

    def _follow(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise _unreadable(f"a reference to {_told(reference)}, outside the document")
        there: Any = self.content
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(there, dict) or step not in there:
                raise _unreadable(f"a reference to {reference[:200]}, which is not there")
            there = there[step]
        return there


def last_step(reference: str) -> str:
    """The name at the end of a reference."""
    return reference.rpartition("/")[2]


def comparable(value: Any) -> Hashable:
    """Equal for two values that are the same in JSON: ``true`` is no number, and 1 is 1.0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", value)
    return json.dumps(value, sort_keys=True)


def object_at(whole: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A member that is an object; empty where there is none.

    Raises:
        InvalidContract: it is something else.
    """
    value = whole.get(key, {})
    if not isinstance(value, dict):
        raise _unreadable(f"{key}: {_told(value)}, where an object belongs")
    return value


def list_at(whole: Mapping[str, Any], key: str) -> list[Any]:
    """A member that is a list; empty where there is none.

    Raises:
        InvalidContract: it is something else.
    """
    value = whole.get(key, [])
    if not isinstance(value, list):
        raise _unreadable(f"{key}: {_told(value)}, where a list belongs")
    return value


def names_at(whole: Mapping[str, Any], key: str) -> list[str]:
    """A member that is a list of texts; empty where there is none.

    Raises:
        InvalidContract: it is something else.
    """
    names = list_at(whole, key)
    if not all(isinstance(name, str) for name in names):
        raise _unreadable(f"{key}: {_told(names)}, where names belong")
    return names


def text_at(whole: Mapping[str, Any], key: str) -> str | None:
    """A member that is a text.

    Raises:
        InvalidContract: it is something else.
    """
    value = whole.get(key)
    if value is not None and not isinstance(value, str):
        raise _unreadable(f"{key}: {_told(value)}, where a text belongs")
    return value


def number_at(keywords: Mapping[str, Any], key: str) -> float | None:
    """A bound.

    Raises:
        InvalidContract: it is no number.
    """
    value = keywords.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _unreadable(f"{key}: {_told(value)}, where OpenAPI 3.1 has a number")
    return value


def _plain(whole: Mapping[str, Any]) -> dict[str, Any]:
    left_out = ("type", "allOf", "anyOf", "oneOf", "default", "nullable", "const")
    plain = {key: value for key, value in whole.items() if key not in left_out}
    if "const" in whole:
        plain["enum"] = [whole["const"]]
    list_at(plain, "enum")
    return plain


def _with_types(branch: Branch, whole: Mapping[str, Any]) -> list[Branch]:
    """One for each type that a schema lists; 3.0 says ``nullable`` for the type null."""
    named = isinstance(whole.get("type"), str)
    types = [whole["type"]] if named else list(names_at(whole, "type"))
    if types and whole.get("nullable") is True:
        types.append("null")
    return [Branch(kind, branch.keywords) for kind in types] or [branch]


def _typed(branch: Branch) -> Iterator[Branch]:
    """A branch whose type can be told from the rest; one for each type of the values it lists."""
    values = branch.keywords.get("enum")
    rest = {key: value for key, value in branch.keywords.items() if key != "enum"}
    if values is not None:
        for kind in dict.fromkeys(map(_kind_of, values)):
            if branch.kind in (ANY, kind) or (branch.kind, kind) == ("number", "integer"):
                own = [value for value in values if _kind_of(value) == kind]
                yield Branch(kind, {**rest, "enum": own}, branch.name)
    elif branch.kind is not ANY:
        yield branch
    elif any(key in rest for key in _OF_OBJECTS):
        yield Branch("object", rest, branch.name)
    else:
        is_array = any(key in rest for key in _OF_ARRAYS)
        yield Branch("array" if is_array else ANY, rest, branch.name)


def _both(one: Branch, other: Branch) -> Branch | None:
    """What holds where both hold; None where nothing does."""
    kinds = {one.kind, other.kind} - {ANY}
    if len(kinds) == 2 and kinds != {"integer", "number"}:
        return None
    kind = "integer" if len(kinds) == 2 else next(iter(kinds), ANY)
    joined = dict(one.keywords)
    for key, value in other.keywords.items():
        joined[key] = _joined_keyword(key, joined[key], value) if key in joined else value
    name = other.name if _says_nothing(one) else one.name if _says_nothing(other) else None
    return Branch(kind, joined, name)


def _says_nothing(branch: Branch) -> bool:
    """Whether any value fits; it may have a description."""
    return branch.kind is ANY and all(key in NOTES for key in branch.keywords)


def _joined_keyword(key: str, one: Any, other: Any) -> Any:
    if key == "properties" and isinstance(one, dict) and isinstance(other, dict):
        shared = {name: {"allOf": [one[name], other[name]]} for name in one.keys() & other.keys()}
        return {**one, **other, **shared}
    if key == "required" and isinstance(one, list) and isinstance(other, list):
        return [*one, *(name for name in other if name not in one)]
    if key == "enum":
        both = set(map(comparable, other))
        return [value for value in one if comparable(value) in both]
    if key in _LOWER + _UPPER and all(isinstance(each, int | float) for each in (one, other)):
        return max(one, other) if key in _LOWER else min(one, other)
    return other


def _bounded(branches: Iterator[Branch]) -> list[Branch]:
    found: list[Branch] = []
    for branch in branches:
        if len(found) == MOST_BRANCHES:
            raise _unreadable(f"a schema of more than {MOST_BRANCHES} alternatives")
        found.append(branch)
    return found


def _kind_of(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return "integer"  # 16000.0 is one, to JSON
    return _TYPES.get(type(value), "array" if isinstance(value, list) else "object")


def _told(value: Any) -> str:
    return json.dumps(value)[:80]


def _unreadable(what: str) -> InvalidContract:
    return InvalidContract(
        what, "an OpenAPI 3.1 or AsyncAPI 3 document", "look at the document with a validator"
    )
