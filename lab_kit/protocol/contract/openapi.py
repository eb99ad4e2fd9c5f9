"""Two OpenAPI documents: operations, parameters, bodies, answers, headers and keys.

What clients send is compared as a request, what the server says as an answer. Prose (titles,
descriptions, examples, tags) is no contract and makes no change.

Source: OpenAPI Specification 3.1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Change, Side, shown
from lab_kit.protocol.contract.document import Document, list_at, object_at, text_at
from lab_kit.protocol.contract.findings import Findings
from lab_kit.protocol.contract.schema import Place, SchemaComparison

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FORM = ("style", "explode", "allowReserved", "allowEmptyValue")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class _Operation:
    """One method of one path.

    Attributes:
        template: the path as it is written, with its parameters' names.
        content: what the document says of it, with the parameters of the whole path.
        keys: the schemes of keys, each a way in; none where no key is asked for.
    """

    template: str
    content: Mapping[str, Any]
    parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    keys: frozenset[frozenset[str]]


def openapi_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """What changed from one document to the other.

    Raises:
        InvalidContract: one of them is no OpenAPI document that can be read.
    """
    for document in (old, new):
        version = document.get("openapi")
        if not isinstance(version, str) or not version.startswith("3."):
            raise InvalidContract(
                f"openapi: {shown(version)}", "3.1 or another 3", "convert the document"
            )
    comparison = _OpenApiComparison(Document(old), Document(new))
    comparison.run()
    return comparison.findings.changes()


class _OpenApiComparison:
    """Walks two documents beside each other."""

    def __init__(self, old: Document, new: Document) -> None:
        self.findings = Findings()
        self._old, self._new = old, new
        self._schemas = SchemaComparison(old, new, self.findings)

    def run(self) -> None:
        """Compare everything."""
        was, now = dict(_operations(self._old)), dict(_operations(self._new))
        for key in {**was, **now}:
            name = f"{key[0].upper()} {(now.get(key) or was[key]).template}"
            if key not in was:
                self._note("operation_added", name, None, name)
            elif key not in now:
                self._note("operation_removed", name, name, None)
            else:
                self._operation(name, was[key], now[key])
        self._key_forms()
        for part in ("servers", "webhooks"):
            old, new = self._old.content.get(part), self._new.content.get(part)
            if old != new:
                self._note("unread", part, old, new)

    def _operation(self, name: str, was: _Operation, now: _Operation) -> None:
        old_id, new_id = (text_at(each.content, "operationId") for each in (was, now))
        if old_id != new_id:
            self._note("operation_renamed", name, old_id, new_id)
        if now.content.get("deprecated") is True and was.content.get("deprecated") is not True:
            self._note("operation_deprecated", name, None, "deprecated")
        self._keys(name, was.keys, now.keys)
        self._parameters(name, was, now)
        self._body(name, was.content, now.content)
        self._answers(
            name, object_at(was.content, "responses"), object_at(now.content, "responses")
        )
        for key in ("callbacks", "servers"):
            old, new = was.content.get(key), now.content.get(key)
            if old != new:
                self._note("unread", f"{name}, {key}", old, new)

    def _keys(
        self, name: str, was: frozenset[frozenset[str]], now: frozenset[frozenset[str]]
    ) -> None:
        is_open, is_open_now = (not keys or frozenset() in keys for keys in (was, now))
        if is_open != is_open_now:
            rule = "key_asked_for" if is_open else "key_not_asked_for"
            words = ("a key", "no key")
            self._note(rule, name, words[is_open], words[is_open_now])
        elif not is_open:
            for way in sorted(map(_joined, was - now)):
                self._note("key_form_removed", name, way, None)
            for way in sorted(map(_joined, now - was)):
                self._note("key_form_added", name, None, way)

    def _key_forms(self) -> None:
        """How each scheme has a key sent."""
        was, now = (
            object_at(object_at(each.content, "components"), "securitySchemes")
            for each in (self._old, self._new)
        )
        for name in was.keys() & now.keys():
            old, new = (
                _form(each.resolved(schemes[name])[1])
                for each, schemes in ((self._old, was), (self._new, now))
            )
            if old != new:
                self._note("key_form_changed", f"securitySchemes.{name}", old, new)

    def _parameters(self, name: str, was: _Operation, now: _Operation) -> None:
        for key in {**was.parameters, **now.parameters}:
            old, new = was.parameters.get(key), now.parameters.get(key)
            place = f"{name}, {key[0]} {(new or old or {}).get('name')}"
            if old is None and new is not None:
                rule = "required_parameter_added" if _must(new) else "parameter_added"
                self._note(rule, place, None, new.get("name"))
            elif new is None and old is not None:
                self._note("parameter_removed", place, old.get("name"), None)
            elif old is not None and new is not None:
                self._parameter(name, place, old, new)

    def _parameter(
        self, name: str, place: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        if old.get("name") != new.get("name") and old.get("in") == "path":
            self._note("parameter_renamed", place, old.get("name"), new.get("name"))
        self._required("parameter", place, old, new)
        form, form_now = _written(old), _written(new)
        if form != form_now:
            self._note("parameter_form_changed", place, form, form_now)
        at = Place(Side.REQUEST, place, name)
        self._schemas.compare(_schema_of(old), _schema_of(new), at)

    def _required(
        self, what: str, place: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        if _must(old) != _must(new):
            rule = f"{what}_required" if _must(new) else f"{what}_optional"
            words = ("optional", "required")
            side = Side.ANSWER if what == "header" else Side.REQUEST
            self._note(rule, place, words[_must(old)], words[_must(new)], side)

    def _body(self, name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        place = f"{name}, body"
        old = self._old.resolved(was.get("requestBody", {}))[1]
        new = self._new.resolved(now.get("requestBody", {}))[1]
        if not old or not new:
            if new:
                rule = "required_body_added" if _must(new) else "body_added"
                self._note(rule, place, None, _listed(object_at(new, "content")))
            elif old:
                self._note("body_removed", place, _listed(object_at(old, "content")), None)
            return
        self._required("body", place, old, new)
        self._contents(place, old, new, Side.REQUEST, name)

    def _contents(
        self, place: str, old: Mapping[str, Any], new: Mapping[str, Any], side: Side, name: str
    ) -> None:
        """The forms of a body or an answer, by media type."""
        was, now = (
            {key.lower(): value for key, value in object_at(each, "content").items()}
            for each in (old, new)
        )
        for media_type in {**was, **now}:
            there = f"{place} {media_type}"
            if media_type not in was:
                self._note("media_type_added", there, None, media_type, side, name)
            elif media_type not in now:
                self._note("media_type_removed", there, media_type, None, side, name)
            else:
                a = self._old.resolved(was[media_type])[1]
                b = self._new.resolved(now[media_type])[1]
                self._schemas.compare(_schema_of(a), _schema_of(b), Place(side, there, name))
                if a.get("encoding") != b.get("encoding"):
                    self._note("unread", there, a.get("encoding"), b.get("encoding"), side, name)

    def _answers(self, name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        for status in {**was, **now}:
            old_key, new_key = _status_in(was, status), _status_in(now, status)
            place = f"{name}, {status}"
            if old_key is None:
                rule = "success_added" if _is_success(status) else "refusal_added"
                self._note(rule, place, None, status, Side.ANSWER)
            elif new_key is None:
                rule = "success_removed" if _is_success(status) else "refusal_removed"
                self._note(rule, place, status, None, Side.ANSWER)
            else:
                old = self._old.resolved(was[old_key])[1]
                new = self._new.resolved(now[new_key])[1]
                self._contents(place, old, new, Side.ANSWER, name)
                self._headers(place, name, object_at(old, "headers"), object_at(new, "headers"))

    def _headers(
        self, place: str, name: str, was: Mapping[str, Any], now: Mapping[str, Any]
    ) -> None:
        old_names, new_names = ({key.lower(): key for key in each} for each in (was, now))
        for key in {**old_names, **new_names}:
            there = f"{place}, header {key}"
            old = self._old.resolved(was[old_names[key]])[1] if key in old_names else None
            new = self._new.resolved(now[new_names[key]])[1] if key in new_names else None
            if old is None:
                self._note("header_added", there, None, key, Side.ANSWER)
            elif new is None:
                rule = "required_header_removed" if _must(old) else "header_removed"
                self._note(rule, there, key, None, Side.ANSWER)
            else:
                self._required("header", there, old, new)
                at = Place(Side.ANSWER, there, name)
                self._schemas.compare(_schema_of(old), _schema_of(new), at)

    def _note(
        self,
        rule: str,
        path: str,
        was: object,
        now: object,
        side: Side = Side.REQUEST,
        used_by: str = "",
    ) -> None:
        self.findings.add(rule, side, path, was, now, used_by or path.partition(",")[0])


def _operations(document: Document) -> Iterator[tuple[tuple[str, str], _Operation]]:
    """Each by its method and its path, in which parameters have no names: addresses have none."""
    for template, path in object_at(document.content, "paths").items():
        whole = document.resolved(path)[1]
        for method in _METHODS:
            if method in whole:
                content = object_at(whole, method)
                shared = [*list_at(whole, "parameters"), *list_at(content, "parameters")]
                parameters = dict(_keyed(document, template, shared))
                ways = list_at({**document.content, **content}, "security")
                keys = frozenset(frozenset(object_at({"way": way}, "way")) for way in ways)
                key = (method, _PLACEHOLDER.sub("{}", template))
                yield key, _Operation(template, content, parameters, keys)


def _keyed(
    document: Document, template: str, parameters: list[Any]
) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """Each by its place and name; those of the path by where they stand in it."""
    places = _PLACEHOLDER.findall(template)
    for parameter in parameters:
        whole = document.resolved(parameter)[1]
        place, name = text_at(whole, "in") or "", text_at(whole, "name") or ""
        key = name.lower() if place == "header" else name
        key = str(places.index(name)) if place == "path" and name in places else key
        yield (place, key), whole


def _schema_of(holder: Mapping[str, Any]) -> Any:
    """Of a parameter, a header or a media type; a parameter may have it under its media type."""
    for media_type in object_at(holder, "content").values():
        return media_type.get("schema", True) if isinstance(media_type, dict) else True
    return holder.get("schema", True)


def _status_in(answers: Mapping[str, Any], status: str) -> str | None:
    """The entry that covers a status: its own, its class's, or that for all others.

    Where successes have entries of their own, ``default`` describes what is none.
    """
    ranges = [status, f"{status[:1]}XX", f"{status[:1]}xx"]
    if not (_is_success(status) and any(map(_is_success, answers))):
        ranges.append("default")
    return next((key for key in ranges if key in answers), None)


def _is_success(status: str) -> bool:
    return status[:1] in ("1", "2", "3")


def _must(holder: Mapping[str, Any]) -> bool:
    return holder.get("required") is True


def _form(scheme: Mapping[str, Any]) -> dict[str, Any]:
    return {key: scheme[key] for key in ("type", "in", "name", "scheme") if key in scheme}


def _written(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """How a client has to write a parameter, but for its value."""
    form = {key: parameter[key] for key in _FORM if key in parameter}
    media_types = [*object_at(parameter, "content")]
    return {**form, "content": media_types} if media_types else form


def _joined(way: frozenset[str]) -> str:
    return " and ".join(sorted(way))


def _listed(content: Mapping[str, Any]) -> str:
    return ", ".join(content) or "anything"
