"""Message classes made from a ``.proto`` file when a dialect is imported.

The providers' own packages bring such classes, too. With them come ranges of protobuf that other
libraries beside this one may not fit, and up to half a second for what else they import. Classes
made here live in a pool of their own, so that both can be in one process.

Read is what such files use: messages and enums, also inside each other, ``oneof``, ``map``,
``repeated``, ``optional``, ``reserved``, services, and imports of protobuf's own files.
[Source: Protocol Buffers Language Specification (Proto3)]
"""

import re
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

_TOKEN = re.compile(r'//[^\n]*|"([^"]*)"|([\w.]+|[{}()=;<>,])|\S')
_SCALARS = {
    kind.removeprefix("TYPE_").lower(): number
    for kind, number in FieldDescriptorProto.Type.items()
    if kind not in ("TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP")
}
_REPEATED, _SINGLE = FieldDescriptorProto.LABEL_REPEATED, FieldDescriptorProto.LABEL_OPTIONAL


def message_classes(name: str, text: str) -> SimpleNamespace:
    """The messages of a file, each under its name; those inside another one are found through it.

    Args:
        name: the file's, as protobuf's own errors will name it.
        text: what it holds.

    Raises:
        ValueError: the file holds what is not read here.
    """
    file = file_description(name, text)
    file.ClearField("service")  # whose messages may be in files that are not here
    pool = pool_of(file)
    found = {
        m.name: pool.FindMessageTypeByName(f"{file.package}.{m.name}") for m in file.message_type
    }
    return SimpleNamespace(**{name: GetMessageClass(kind) for name, kind in found.items()})


def pool_of(*files: FileDescriptorProto) -> DescriptorPool:
    """A pool with these files, and with those of protobuf's own that they import."""
    pool = DescriptorPool()
    for imported in sorted({name for file in files for name in file.dependency}):
        module = import_module(imported.removesuffix(".proto").replace("/", ".") + "_pb2")
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for file in files:
        pool.Add(file)
    return pool


def file_description(name: str, text: str) -> FileDescriptorProto:
    """What a file declares; names of types stay as they are written.

    Args:
        name: the file's.
        text: what it holds.

    Raises:
        ValueError: the file holds what is not read here.
    """
    file = _File(_tokens(text)).description
    file.name = name
    return file


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        if match[0].startswith("//"):
            continue
        if match[1] is None and match[2] is None:
            raise ValueError(f"{match[0]!r} in a .proto file; expected: messages and enums")
        yield match[1] if match[2] is None else match[2]


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r} in a .proto file; expected: a number")
    return int(text)


class _File:
    """Reads the tokens of one file into its description.

    Names of types stay as they are written: the pool looks them up from the inside outwards, as the
    language has it.
    """

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        self.description = FileDescriptorProto(syntax="proto3")
        for token in tokens:
            match token:
                case "syntax":
                    self._expect("=", "proto3", ";")
                case "package":
                    self.description.package = self._last()
                case "import":
                    self.description.dependency.append(self._last())
                case "message":
                    self._message(self.description.message_type.add(name=self._next()))
                case "enum":
                    self._enum(self.description.enum_type.add(name=self._next()))
                case "service":
                    self._service(self.description.service.add(name=self._next()))
                case _:
                    raise ValueError(f"{token!r} at the top of a .proto file; expected: a message")

    def _next(self) -> str:
        for token in self._tokens:
            return token
        raise ValueError("the end of a .proto file; expected: the rest of a message")

    def _expect(self, *wanted: str) -> None:
        for token in wanted:
            got = self._next()
            if got != token:
                raise ValueError(f"{got!r} in a .proto file; expected: {token!r}")

    def _last(self) -> str:
        token = self._next()
        self._expect(";")
        return token

    def _message(self, message: DescriptorProto) -> None:
        self._expect("{")
        while (token := self._next()) != "}":
            match token:
                case "message":
                    self._message(message.nested_type.add(name=self._next()))
                case "enum":
                    self._enum(message.enum_type.add(name=self._next()))
                case "reserved":
                    self._reserved(message, 1)
                case "oneof":
                    self._one_of(message)
                case "map":
                    self._map(message)
                case "repeated":
                    self._field(message, self._next(), _REPEATED)
                case "optional":
                    self._optional(message)
                case _:
                    self._field(message, token)

    def _field(
        self, message: DescriptorProto, kind: str, label: int = _SINGLE
    ) -> FieldDescriptorProto:
        name = self._next()
        self._expect("=")
        field = message.field.add(name=name, number=_number(self._last()), label=label)
        _set_kind(field, kind)
        return field

    def _one_of(self, message: DescriptorProto) -> None:
        message.oneof_decl.add(name=self._next())
        self._expect("{")
        while (kind := self._next()) != "}":
            self._field(message, kind).oneof_index = len(message.oneof_decl) - 1

    def _optional(self, message: DescriptorProto) -> None:
        """Whether it was set can be seen: the language has it as a choice of one."""
        field = self._field(message, self._next())
        message.oneof_decl.add(name=f"_{field.name}")
        field.oneof_index, field.proto3_optional = len(message.oneof_decl) - 1, True

    def _map(self, message: DescriptorProto) -> None:
        """On the wire, a map is a repeated message of a key and a value."""
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        field = self._field(message, "", _REPEATED)
        field.type_name = f"{field.name.title().replace('_', '')}Entry"
        entry = message.nested_type.add(name=field.type_name)
        entry.options.map_entry = True
        _set_kind(entry.field.add(name="key", number=1, label=_SINGLE), key)
        _set_kind(entry.field.add(name="value", number=2, label=_SINGLE), value)

    def _enum(self, enum: EnumDescriptorProto) -> None:
        self._expect("{")
        while (name := self._next()) != "}":
            if name == "reserved":
                self._reserved(enum, 0)
            else:
                self._expect("=")
                enum.value.add(name=name, number=_number(self._last()))

    def _reserved(self, holder: DescriptorProto | EnumDescriptorProto, beyond: int) -> None:
        """Numbers, ranges of them, or names, until a semicolon.

        Args:
            beyond: from a range's last number to its ``end``, which a message has behind it.
        """
        while True:
            token = self._next()
            then = self._next()
            if not token.isdecimal():
                holder.reserved_name.append(token)
            else:
                last = self._next() if then == "to" else token
                then = self._next() if then == "to" else then
                holder.reserved_range.add(start=int(token), end=_number(last) + beyond)
            if then == ";":
                return
            if then != ",":
                raise ValueError(f"{then!r} in a .proto file; expected: ',' or ';'")

    def _service(self, service: ServiceDescriptorProto) -> None:
        self._expect("{")
        while (token := self._next()) != "}":
            if token != "rpc":
                raise ValueError(f"{token!r} in a service of a .proto file; expected: 'rpc'")
            method = service.method.add(name=self._next())
            method.input_type, method.client_streaming = self._message_of_method()
            self._expect("returns")
            method.output_type, method.server_streaming = self._message_of_method()
            self._expect(";")

    def _message_of_method(self) -> tuple[str, bool]:
        """Its type, and whether it is a stream of them."""
        self._expect("(")
        name = self._next()
        is_stream = name == "stream"
        name = self._next() if is_stream else name
        self._expect(")")
        return name, is_stream


def _set_kind(field: FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type_name = kind
