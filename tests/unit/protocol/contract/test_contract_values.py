"""Every kind of change of a value or a field, on both sides: the same change, opposite verdicts."""

from typing import Any

import pytest

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Change, Side, Verdict
from lab_kit.protocol.contract.openapi import openapi_changes
from lab_kit.protocol.contract.rules import _FIELDS, _VALUES

ADD, BEHAVE, BREAK = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING
TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
NULL: dict[str, Any] = {"type": "null"}


def thing(required: tuple[str, ...] = (), more: Any = True, **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": [*required],
        "additionalProperties": more,
    }


def tagged(tag: str, **fields: Any) -> dict[str, Any]:
    return thing(("kind",), kind={"const": tag}, **fields)


def document(schema: Any, side: Side, **schemas: Any) -> dict[str, Any]:
    """One operation that takes, or answers with, the schema."""
    content = {"content": {"application/json": {"schema": schema}}}
    operation = {"responses": {"204": {}}}
    if side is Side.REQUEST:
        operation = {"requestBody": content, **operation}  # type: ignore[dict-item]
    else:
        operation = {"responses": {"200": content}}  # type: ignore[dict-item]
    return {
        "openapi": "3.1.0",
        "paths": {"/things": {"post": operation}},
        "components": {"schemas": schemas},
    }


def changes(old: Any, new: Any, side: Side) -> tuple[Change, ...]:
    return openapi_changes(document(old, side), document(new, side))


# rule, was, is, on a request, on an answer
CASES: list[tuple[str, Any, Any, Verdict, Verdict]] = [
    ("type_changed", TEXT, WHOLE, BREAK, BREAK),
    ("type_changed", TEXT, {"type": "array"}, BREAK, BREAK),
    ("type_lost", {"type": ["string", "null"]}, TEXT, BREAK, ADD),
    ("type_lost", {"anyOf": [TEXT, NULL]}, TEXT, BREAK, ADD),
    ("type_lost", {}, TEXT, BREAK, ADD),
    ("type_lost", TEXT, False, BREAK, ADD),
    ("type_gained", TEXT, {"anyOf": [TEXT, NULL]}, ADD, BREAK),
    ("type_gained", TEXT, {"type": ["string", "null"]}, ADD, BREAK),
    ("type_gained", TEXT, {**TEXT, "nullable": True}, ADD, BREAK),
    ("type_gained", TEXT, {}, ADD, BREAK),
    ("type_gained", {"oneOf": [TEXT, NULL]}, {"oneOf": [TEXT, NULL, WHOLE]}, ADD, BREAK),
    ("number_widened", WHOLE, NUMBER, ADD, BREAK),
    ("number_widened", WHOLE, {"type": ["integer", "number"]}, ADD, BREAK),
    ("number_narrowed", NUMBER, WHOLE, BREAK, ADD),
    ("values_gained", {"enum": ["a"]}, {"enum": ["a", "b"]}, ADD, BEHAVE),
    ("values_gained", {"const": "a"}, {"enum": ["b", "a"]}, ADD, BEHAVE),
    ("values_lost", {"enum": ["a", "b"]}, {"const": "a"}, BREAK, ADD),
    ("values_lost", {"enum": [8000, 16000]}, {"enum": [16000.0]}, BREAK, ADD),
    ("values_replaced", {"const": "a"}, {"const": "A"}, BREAK, BREAK),
    ("values_listed", TEXT, {**TEXT, "enum": ["a"]}, BREAK, ADD),
    ("values_unlisted", {**TEXT, "enum": ["a"]}, TEXT, ADD, BEHAVE),
    ("bound_tightened", {**WHOLE, "maximum": 9}, {**WHOLE, "maximum": 8}, BREAK, ADD),
    ("bound_tightened", WHOLE, {**WHOLE, "minimum": 0}, BREAK, ADD),
    ("bound_tightened", TEXT, {**TEXT, "maxLength": 400}, BREAK, ADD),
    ("bound_tightened", TEXT, {**TEXT, "pattern": "^a$"}, BREAK, ADD),
    ("bound_tightened", {"type": "array"}, {"type": "array", "uniqueItems": True}, BREAK, ADD),
    ("bound_tightened", {**WHOLE, "multipleOf": 2}, {**WHOLE, "multipleOf": 4}, BREAK, ADD),
    ("bound_loosened", {**WHOLE, "maximum": 9}, {**WHOLE, "maximum": 10}, ADD, BEHAVE),
    ("bound_loosened", {**WHOLE, "minimum": 5}, {**WHOLE, "minimum": 1}, ADD, BEHAVE),
    ("bound_loosened", {**WHOLE, "multipleOf": 4}, {**WHOLE, "multipleOf": 2}, ADD, BEHAVE),
    ("bound_loosened", {**TEXT, "maxLength": 9}, TEXT, ADD, BEHAVE),
    ("bound_moved", {**TEXT, "pattern": "^a$"}, {**TEXT, "pattern": "^b$"}, BREAK, BEHAVE),
    ("bound_moved", {**WHOLE, "multipleOf": 2}, {**WHOLE, "multipleOf": 3}, BREAK, BEHAVE),
    ("format_added", TEXT, {**TEXT, "format": "uuid"}, BEHAVE, ADD),
    ("format_removed", {**TEXT, "format": "uuid"}, TEXT, ADD, BEHAVE),
    ("format_changed", {**TEXT, "format": "date"}, {**TEXT, "format": "time"}, BREAK, BREAK),
    ("format_changed", *({**TEXT, "contentEncoding": c} for c in ("a", "b")), BREAK, BREAK),
    ("format_widened", *({**WHOLE, "format": f"int{n}"} for n in (32, 64)), ADD, BREAK),
    ("format_narrowed", *({**NUMBER, "format": f} for f in ("double", "float")), BREAK, ADD),
    ("default_changed", {**WHOLE, "default": 1}, {**WHOLE, "default": 2}, BEHAVE, BEHAVE),
    ("default_changed", WHOLE, {**WHOLE, "default": 0}, BEHAVE, BEHAVE),
    ("default_changed", *({"default": v} for v in (False, 0)), BEHAVE, BEHAVE),
    (
        "alternative_added",
        {"oneOf": [tagged("a"), tagged("b")]},
        {"oneOf": [tagged("c"), tagged("a"), tagged("b")]},
        ADD,
        BEHAVE,
    ),
    (
        "alternative_removed",
        {"anyOf": [tagged("a"), tagged("b")]},
        {"anyOf": [tagged("b")]},
        BREAK,
        BEHAVE,
    ),
    ("unread", TEXT, {**TEXT, "not": {"const": "x"}}, BEHAVE, BEHAVE),
    ("unread", thing(), {**thing(), "patternProperties": {"^x": {}}}, BEHAVE, BEHAVE),
    ("field_added", thing(), thing(a=TEXT), ADD, ADD),
    ("field_added_to_closed", thing(more=False), thing(more=False, a=TEXT), ADD, BEHAVE),
    ("required_field_added", thing(), thing(("a",), a=TEXT), BREAK, ADD),
    ("field_removed", thing(a=TEXT), thing(), BREAK, BEHAVE),
    ("required_field_removed", thing(("a",), a=TEXT), thing(), BREAK, BREAK),
    ("field_required", thing(a=TEXT), thing(("a",), a=TEXT), BREAK, ADD),
    ("field_optional", thing(("a",), a=TEXT), thing(a=TEXT), ADD, BREAK),
    ("other_fields_refused", thing(), thing(more=False), BREAK, ADD),
    ("other_fields_allowed", thing(more=False), thing(), ADD, BEHAVE),
    ("type_changed", thing(more=TEXT), thing(more=WHOLE), BREAK, BREAK),
]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("rule", "old", "new", "asked", "answered"), CASES)
def test_the_same_change_on_both_sides(
    rule: str, old: Any, new: Any, asked: Verdict, answered: Verdict, side: Side
) -> None:
    (change,) = changes(old, new, side)
    assert (change.rule, change.side) == (rule, side)
    assert change.verdict is (asked if side is Side.REQUEST else answered)
    assert change.was != change.now
    assert "{" not in change.why.replace(change.was, "").replace(change.now, "")
    assert change.path.startswith("POST /things, ")
    assert change.used_by == ("POST /things",)
    assert changes(old, old, side) == changes(new, new, side) == ()


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == {*_VALUES, *_FIELDS}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"anyOf": [TEXT, NULL]}, {"type": ["null", "string"]}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"allOf": [thing(a=TEXT), thing(("b",), b=TEXT)]}, thing(("b",), b=TEXT, a=TEXT)),
        ({"oneOf": [tagged("a"), tagged("b")]}, {"anyOf": [tagged("b"), tagged("a")]}),
        ({"enum": [1, 2]}, {"enum": [2.0, 1]}),
        ({**TEXT, "minLength": 0}, TEXT),
        ({**TEXT, "title": "A", "description": "b", "examples": ["c"], "x-d": 1}, TEXT),
        ({"type": "array", "items": {}}, {"type": "array", "items": True}),
        (thing(more={}), thing()),
        ({**TEXT, "minLength": 3, "allOf": [{"minLength": 2}]}, {**TEXT, "minLength": 3}),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_what_is_only_written_otherwise_is_no_change(one: Any, other: Any, side: Side) -> None:
    assert changes(one, other, side) == changes(other, one, side) == ()


def test_a_change_is_found_however_deep_it_stands() -> None:
    old, new = (
        thing(a={"type": "array", "items": {"anyOf": [thing(b=one), NULL]}})
        for one in (TEXT, WHOLE)
    )
    (change,) = changes(old, new, Side.ANSWER)
    assert change.path == "POST /things, 200 application/json: a[].b"
    first, second = ({"type": "array", "prefixItems": [TEXT, one]} for one in (TEXT, WHOLE))
    (change,) = changes(first, second, Side.ANSWER)
    assert change.path.endswith(": [1]")


def test_a_named_schema_is_told_once_on_each_side_with_who_uses_it() -> None:
    def both(limit: int) -> dict[str, Any]:
        item = {"$ref": "#/components/schemas/Item"}
        content = {"content": {"application/json": {"schema": item}}}
        operation = {"requestBody": content, "responses": {"200": content}}
        return {
            "openapi": "3.1.0",
            "paths": {"/a": {"post": operation}, "/b": {"put": operation}},
            "components": {"schemas": {"Item": thing(name={**TEXT, "maxLength": limit})}},
        }

    asked, answered = openapi_changes(both(20), both(10))
    assert asked.path == answered.path == "schemas.Item: name"
    assert (asked.verdict, answered.verdict) == (BREAK, ADD)
    assert asked.used_by == answered.used_by == ("POST /a", "PUT /b")


def test_a_schema_that_refers_to_itself_ends() -> None:
    def tree(leaf: Any) -> dict[str, Any]:
        node = thing(leaf=leaf, children={"type": "array", "items": {"$ref": NODE}})
        return document({"$ref": NODE}, Side.ANSWER, Node=node)

    NODE = "#/components/schemas/Node"
    (change,) = openapi_changes(tree(WHOLE), tree(NUMBER))
    assert change.path == "schemas.Node: leaf"


def test_a_reference_with_more_beside_it_keeps_its_name_where_it_says_no_more() -> None:
    """Fields beside `allOf: [{$ref}]` are the outer schema's own, and are looked at as such."""
    named = {"$ref": "#/components/schemas/Base"}
    old = document(thing(plain=named, rich={"allOf": [named]}), Side.ANSWER, Base=thing(a=TEXT))
    new = document(
        thing(plain=named, rich={"allOf": [named, thing(b=TEXT)]}), Side.ANSWER, Base=thing(a=TEXT)
    )
    (change,) = openapi_changes(old, new)
    assert change.path == "POST /things, 200 application/json: rich.b"


def test_alternatives_of_a_named_choice_are_told_apart() -> None:
    def choice(size: Any) -> dict[str, Any]:
        either = {"anyOf": [tagged("a", size=TEXT), tagged("b", size=size)]}
        return document({"$ref": "#/components/schemas/Either"}, Side.ANSWER, Either=either)

    (change,) = openapi_changes(choice(TEXT), choice(WHOLE))
    assert (change.rule, change.path) == ("type_changed", "schemas.Either: size")


def test_the_likest_alternatives_belong_together_whatever_their_order() -> None:
    wide, narrow = thing(a=TEXT, b=TEXT), thing(a=TEXT)
    for order in ([wide, narrow], [narrow, wide]):
        (change,) = changes({"oneOf": order}, {"oneOf": [narrow]}, Side.REQUEST)
        assert change.rule == "alternative_removed"
        (change,) = changes({"oneOf": [narrow]}, {"oneOf": order}, Side.REQUEST)
        assert change.rule == "alternative_added"


def test_a_choice_that_holds_itself_ends() -> None:
    def value(leaf: Any) -> dict[str, Any]:
        again = {"anyOf": [{"$ref": "#/components/schemas/Value"}, NULL]}
        schema = {"anyOf": [leaf, {"type": "array", "items": again}]}
        return document({"$ref": "#/components/schemas/Value"}, Side.ANSWER, Value=schema)

    changes = openapi_changes(value(TEXT), value(WHOLE))
    assert {change.rule for change in changes} == {"type_lost", "type_gained"}


def doubling(levels: int, key: str) -> dict[str, Any]:
    """Each schema refers twice to the next: a small document, and 2 to the 30th alternatives."""
    schemas: dict[str, Any] = {
        f"L{n}": {key: [{"$ref": f"#/components/schemas/L{n + 1}"}] * 2} for n in range(levels)
    }
    schemas[f"L{levels}"] = TEXT
    return document({"$ref": "#/components/schemas/L0"}, Side.ANSWER, **schemas)


def test_parts_that_double_thirty_times_are_looked_at_once_each() -> None:
    old = doubling(30, "allOf")
    new = doubling(30, "allOf")
    new["components"]["schemas"]["L30"] = WHOLE
    (change,) = openapi_changes(old, new)
    assert change.rule == "type_changed"


def test_a_large_document_is_compared_in_one_look_at_each_schema() -> None:
    """Each of 400 schemas leads to all others, over chains as long, from each of 200 operations."""

    def large(leaf: Any) -> dict[str, Any]:
        def reference(number: int) -> dict[str, str]:
            return {"$ref": f"#/components/schemas/S{number % 400}"}

        schemas = {
            f"S{n}": thing(next=reference(n + 1), far=reference(7 * n + 3), own=TEXT)
            for n in range(400)
        }
        schemas["S399"] = thing(leaf=leaf, next=reference(0))
        paths = {
            f"/{n}": {
                "get": {
                    "responses": {"200": {"content": {"a/b": {"schema": reference(n)}}}},
                }
            }
            for n in range(200)
        }
        return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}

    (change,) = openapi_changes(large(WHOLE), large(NUMBER))
    assert change.path == "schemas.S399: leaf"
    assert len(change.used_by) == 200


def test_what_stands_beside_a_reference_is_said_in_this_place() -> None:
    def limited(most: int) -> dict[str, Any]:
        named = {"$ref": "#/components/schemas/Name"}
        fields = thing(a=named, b={**named, "maxLength": most}, c={**named, "description": "x"})
        return document(fields, Side.REQUEST, Name=TEXT)

    (change,) = openapi_changes(limited(20), limited(10))
    assert change.path == "POST /things, body application/json: b"


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = TEXT
    for _ in range(levels):
        schema = thing(a=schema)
    return document(schema, Side.ANSWER)


LOOP = {"$ref": "#/components/schemas/A"}


@pytest.mark.parametrize(
    "hostile",
    [
        doubling(30, "anyOf"),
        nested(200),
        document(LOOP, Side.ANSWER, A=LOOP),
        document(LOOP, Side.ANSWER, A={"anyOf": [LOOP, NULL]}),
        document({"$ref": "#/components/schemas/Nowhere"}, Side.ANSWER),
        document({"$ref": "https://elsewhere/schema.json"}, Side.ANSWER),
        document({"type": 5}, Side.ANSWER),
        document({"type": ["string", 5]}, Side.ANSWER),
        document({**WHOLE, "minimum": "5"}, Side.ANSWER),
        document({"enum": "a"}, Side.ANSWER),
        document({"properties": []}, Side.ANSWER),
        document({"anyOf": {}}, Side.ANSWER),
        document("string", Side.ANSWER),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(hostile: dict[str, Any]) -> None:
    with pytest.raises(InvalidContract):
        openapi_changes(hostile, hostile)
