"""Two sets of protobuf files: services, messages and enums.

The bytes know numbers, JSON knows names, and generated code knows both: a contract keeps all three.
Verdicts of *breaking* are those of buf's rules WIRE_JSON, with services and methods that are gone;
`tests/unit/protocol/contract/test_contract_by_buf.py` compares the two. What buf lets pass and a
client may notice is *behaviour* here.

Source: Protocol Buffers, "Updating A Message Type"; Buf, "Breaking change rules".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Change, Side
from lab_kit.protocol.contract.findings import Findings

_ALIKE = (
    {"int32", "uint32"},
    {"int64", "uint64"},
    {"fixed32", "sfixed32"},
    {"fixed64", "sfixed64"},
)
"""Types that share their bytes and their JSON; buf's FIELD_WIRE_JSON_COMPATIBLE_TYPE."""
_MOST_DEPTH = 60
"""Messages declared inside one another."""


@dataclass(slots=True)
class _Files:
    """Everything that a set of files declares, by its full name."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    methods: dict[str, dict[str, MethodDescriptorProto]] = field(default_factory=dict)

    def type_of(self, one: FieldDescriptorProto, scope: str) -> str:
        """A field's type: a scalar's name, or the full name of a message or an enum."""
        if one.type_name:
            return self.full_name(one.type_name, scope)
        return str(FieldDescriptorProto.Type.Name(one.type)).removeprefix("TYPE_").lower()

    def full_name(self, name: str, scope: str) -> str:
        """Looked up from the inside outwards, as the language has it."""
        if name.startswith("."):
            return name[1:]
        while scope:
            if (found := f"{scope}.{name}") in self.messages or found in self.enums:
                return found
            scope = scope.rpartition(".")[0]
        return name

    def used(self) -> dict[str, list[tuple[Side, str]]]:
        """The sides and the methods by which each message and enum is met."""
        found: dict[str, list[tuple[Side, str]]] = {}
        for service, methods in self.methods.items():
            scope = service.rpartition(".")[0]
            for method in methods.values():
                both = (Side.REQUEST, method.input_type), (Side.ANSWER, method.output_type)
                for side, name in both:
                    use = (side, f"{service}/{method.name}")
                    self._reach(self.full_name(name, scope), use, found)
        return found

    def _reach(
        self, start: str, use: tuple[Side, str], found: dict[str, list[tuple[Side, str]]]
    ) -> None:
        todo = [start]
        while todo:
            name = todo.pop()
            uses = found.setdefault(name, [])
            if use in uses:
                continue
            uses.append(use)
            if name in self.messages:
                kinds = (self.type_of(one, name) for one in self.messages[name].field)
                todo += [kind for kind in kinds if kind in self.messages or kind in self.enums]


def protobuf_changes(
    old: Iterable[FileDescriptorProto], new: Iterable[FileDescriptorProto]
) -> tuple[Change, ...]:
    """What changed from one set of files to the other.

    Raises:
        InvalidContract: messages are declared inside one another deeper than is looked at.
    """
    comparison = _ProtobufComparison(_gathered(old), _gathered(new))
    comparison.run()
    return comparison.findings.changes()


class _ProtobufComparison:
    """Walks two sets of files beside each other."""

    def __init__(self, old: _Files, new: _Files) -> None:
        self.findings = Findings()
        self._old, self._new = old, new
        self._used, self._used_now = old.used(), new.used()

    def run(self) -> None:
        """Compare everything."""
        for service in {**self._old.methods, **self._new.methods}:
            self._service(service)
        for name, was in self._old.messages.items():
            if name in self._new.messages:
                self._message(name, was, self._new.messages[name])
            elif name not in self._used:
                self._note("proto_message_removed", name, name, name, None)
        for name, enum in self._old.enums.items():
            if name in self._new.enums:
                self._enum(name, enum, self._new.enums[name])
            elif name not in self._used:
                self._note("enum_removed", name, name, name, None)

    def _service(self, service: str) -> None:
        was, now = self._old.methods.get(service), self._new.methods.get(service)
        if was is None or now is None:
            rule = "service_added" if was is None else "service_removed"
            old, new = (None, service) if was is None else (service, None)
            self.findings.add(rule, Side.REQUEST, service, old, new, service)
            return
        for name in {**was, **now}:
            path = f"{service}/{name}"
            if name not in was:
                self.findings.add("method_added", Side.REQUEST, path, None, name, path)
            elif name not in now:
                self.findings.add("method_removed", Side.REQUEST, path, name, None, path)
            else:
                self._method(path, was[name], now[name])

    def _method(self, path: str, was: MethodDescriptorProto, now: MethodDescriptorProto) -> None:
        scope = path.partition("/")[0].rpartition(".")[0]
        words = ("one message", "a stream of messages")
        for side, key, streams in (
            (Side.REQUEST, "input_type", "client_streaming"),
            (Side.ANSWER, "output_type", "server_streaming"),
        ):
            old = self._old.full_name(getattr(was, key), scope)
            new = self._new.full_name(getattr(now, key), scope)
            if old != new:
                self.findings.add("method_type_changed", side, f"{path} {side}", old, new, path)
            before, after = (words[getattr(each, streams)] for each in (was, now))
            if before != after:
                self.findings.add("stream_changed", side, f"{path} {side}", before, after, path)

    def _message(self, name: str, was: DescriptorProto, now: DescriptorProto) -> None:
        fields, fields_now = ({one.number: one for one in each.field} for each in (was, now))
        for number, one in fields.items():
            if number not in fields_now:
                self._field_gone(name, one, now)
            else:
                self._field(name, was, now, one, fields_now[number])
        names = {one.name for one in was.field}
        for number, one in fields_now.items():
            if number in fields:
                continue
            path = f"{name}.{one.name}"
            kept = _is_reserved(was, number, one.name)
            if kept is not None:
                self._note("reserved_used", name, path, kept, f"{one.name} = {number}")
            elif one.name not in names:
                self._note("proto_field_added", name, path, None, f"{one.name} = {number}")

    def _field_gone(self, name: str, one: FieldDescriptorProto, now: DescriptorProto) -> None:
        path, told = f"{name}.{one.name}", f"{one.name} = {one.number}"
        moved = next((each for each in now.field if each.name == one.name), None)
        if moved is not None:
            self._note("proto_field_renumbered", name, path, told, f"{one.name} = {moved.number}")
            return
        is_kept = _in_ranges(now, one.number) and one.name in now.reserved_name
        rule = "proto_field_removed" if is_kept else "proto_field_lost"
        self._note(rule, name, path, told, None)

    def _field(
        self,
        name: str,
        message: DescriptorProto,
        message_now: DescriptorProto,
        was: FieldDescriptorProto,
        now: FieldDescriptorProto,
    ) -> None:
        path = f"{name}.{was.name}"
        if _json_name(was) != _json_name(now) or was.name != now.name:
            self._note("proto_field_renamed", name, path, was.name, now.name)
        old, new = self._old.type_of(was, name), self._new.type_of(now, name)
        if old != new:
            is_alike = any({old, new} <= kinds for kinds in _ALIKE)
            rule = "proto_type_alike" if is_alike else "proto_type_changed"
            self._note(rule, name, path, old, new)
        label, label_now = _label(was), _label(now)
        if label != label_now:
            self._note("proto_label_changed", name, path, label, label_now)
        elif was.proto3_optional != now.proto3_optional:
            words = ("without presence", "optional")
            told = words[was.proto3_optional], words[now.proto3_optional]
            self._note("proto_presence_changed", name, path, *told)
        choice, choice_now = _choice(message, was), _choice(message_now, now)
        if choice != choice_now:
            self._note("proto_choice_changed", name, path, choice, choice_now)
        if was.default_value != now.default_value:
            defaults = was.default_value or None, now.default_value or None
            self._note("proto_default_changed", name, path, *defaults)

    def _enum(self, name: str, was: EnumDescriptorProto, now: EnumDescriptorProto) -> None:
        old, new = _names_by_number(was), _names_by_number(now)
        for number in {**old, **new}:
            before, after = (_values_told(each.get(number), number) for each in (old, new))
            path = f"{name}.{min(old.get(number) or new[number])}"
            if number not in old:
                self._note("enum_value_added", name, path, _listed(was), after)
            elif number not in new:
                names = old[number]
                is_kept = _in_ranges(now, number, 0) and names <= set(now.reserved_name)
                rule = "enum_value_removed" if is_kept else "enum_value_lost"
                self._note(rule, name, path, before, None)
            elif not old[number] <= new[number]:
                self._note("enum_value_renamed", name, path, before, after)

    def _note(self, rule: str, of: str, path: str, was: object, now: object) -> None:
        """On each side on which the message or enum is met; on both where no method tells."""
        uses = [*self._used.get(of, ()), *self._used_now.get(of, ())]
        for side, method in uses or [(side, "") for side in Side]:
            self.findings.add(rule, side, path, was, now, method)


def _gathered(files: Iterable[FileDescriptorProto]) -> _Files:
    found = _Files()
    for file in files:
        for message in file.message_type:
            _declare(found, message, file.package, 0)
        found.enums.update(_by_full_name(file.enum_type, file.package))
        for service in file.service:
            methods = {method.name: method for method in service.method}
            found.methods[_within(file.package, service.name)] = methods
    return found


def _declare(found: _Files, message: DescriptorProto, scope: str, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise InvalidContract(
            f"messages inside one another more than {_MOST_DEPTH} deep", "fewer", "look at the file"
        )
    name = _within(scope, message.name)
    found.messages[name] = message
    found.enums.update(_by_full_name(message.enum_type, name))
    for inner in message.nested_type:
        _declare(found, inner, name, depth + 1)


def _by_full_name(
    enums: Iterable[EnumDescriptorProto], scope: str
) -> Iterator[tuple[str, EnumDescriptorProto]]:
    return ((_within(scope, enum.name), enum) for enum in enums)


def _within(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else str(name)


def _is_reserved(message: DescriptorProto, number: int, name: str) -> str | None:
    """What of a new field was given up for good; None where nothing was."""
    if _in_ranges(message, number):
        return f"reserved {number}"
    return f'reserved "{name}"' if name in message.reserved_name else None


def _in_ranges(holder: Any, number: int, beyond: int = 1) -> bool:
    """A message's ranges end before their ``end``, an enum's with it."""
    return any(one.start <= number <= one.end - beyond for one in holder.reserved_range)


def _json_name(one: FieldDescriptorProto) -> str:
    if one.json_name:
        return str(one.json_name)
    first, *rest = str(one.name).split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _label(one: FieldDescriptorProto) -> str:
    label = str(FieldDescriptorProto.Label.Name(one.label)).removeprefix("LABEL_").lower()
    return "one" if label == "optional" else label


def _choice(message: DescriptorProto, one: FieldDescriptorProto) -> str | None:
    """The choice that a field belongs to, but for the one of its own that ``optional`` makes."""
    if not one.HasField("oneof_index") or one.proto3_optional:
        return None
    return f"oneof {message.oneof_decl[one.oneof_index].name}"


def _names_by_number(enum: EnumDescriptorProto) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = {}
    for value in enum.value:
        found.setdefault(value.number, set()).add(value.name)
    return found


def _values_told(names: set[str] | None, number: int) -> str | None:
    return None if names is None else f"{' or '.join(sorted(names))} = {number}"


def _listed(enum: EnumDescriptorProto) -> str:
    return ", ".join(value.name for value in enum.value)
