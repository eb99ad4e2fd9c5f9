"""Message classes made of ``.proto`` files, compared with those of the providers' own packages."""

from importlib.resources import files
from typing import Any

import pytest
from google.cloud.speech_v1.types import cloud_speech as v1
from google.cloud.speech_v2.types import cloud_speech as v2
from google.longrunning import operations_pb2
from tritonclient.grpc import service_pb2

from lab_kit.core.proto_file import file_description, message_classes
from lab_kit.dialects.google import versions
from lab_kit.dialects.open_inference import protobuf_messages
from lab_kit.dialects.open_inference.protobuf_messages import pb

SPOKEN = (
    "StreamingRecognizeRequest",
    "StreamingRecognizeResponse",
    "RecognizeRequest",
    "RecognizeResponse",
)
HEAD = 'syntax = "proto3";\npackage lab.test;\n'


def described(message: Any, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Everything that decides what a message's bytes mean, of it and of all inside it."""
    found: dict[str, Any] = {}
    todo = [message]
    while todo:
        kind = todo.pop()
        if kind.full_name in found:
            continue
        fields = [f for f in kind.fields if f"{kind.full_name}.{f.name}" not in left_out]
        found[kind.full_name] = {f.name: _meaning(f) for f in fields}
        todo += [f.message_type for f in fields if f.message_type is not None]
    return found


def _meaning(field: Any) -> tuple[Any, ...]:
    choice = field.containing_oneof
    enum = field.enum_type
    return (
        field.number,
        field.type,
        field.is_repeated,
        field.has_presence,
        field.message_type.full_name if field.message_type is not None else None,
        [(value.name, value.number) for value in enum.values] if enum is not None else None,
        choice.name if choice is not None else None,
    )


LONG_RUNNING = (
    "LongRunningRecognizeRequest",
    "LongRunningRecognizeResponse",
    "LongRunningRecognizeMetadata",
)


@pytest.mark.parametrize("name", [*SPOKEN, *LONG_RUNNING])
def test_google_v1_messages_are_those_of_its_sdk(name: str) -> None:
    theirs = getattr(v1, name).pb().DESCRIPTOR
    errors = ("StreamingRecognizeResponse.error", "LongRunningRecognizeResponse.output_error")
    left_out = frozenset(f"google.cloud.speech.v1.{field}" for field in errors)
    ours = getattr(versions.v1, name).DESCRIPTOR
    assert described(ours) == described(theirs, left_out)


@pytest.mark.parametrize("name", SPOKEN)
def test_google_v2_messages_are_those_of_its_sdk(name: str) -> None:
    theirs = getattr(v2, name).pb().DESCRIPTOR
    assert described(getattr(versions.v2, name).DESCRIPTOR) == described(theirs)


@pytest.mark.parametrize("name", ["Operation", "GetOperationRequest", "CancelOperationRequest"])
def test_google_operations_are_those_of_its_package(name: str) -> None:
    """But for the status, which is compared by its bytes: no byte tells its package."""
    error = frozenset({"google.longrunning.Operation.error"})
    ours, theirs = getattr(versions.longrunning, name), getattr(operations_pb2, name)
    assert described(ours.DESCRIPTOR, error) == described(theirs.DESCRIPTOR, error)


@pytest.mark.parametrize("package", [versions.longrunning, versions.v1])
def test_an_operation_is_read_by_its_own_package(package: Any) -> None:
    """Also as the method of another package that answers with one describes it."""
    failed = package.Operation(name="n", done=True, error={"code": 3, "message": "why"})
    read = operations_pb2.Operation.FromString(failed.SerializeToString())
    assert (read.WhichOneof("result"), read.error.code, read.error.message) == ("error", 3, "why")
    made = package.Operation(response={"type_url": "t", "value": b"v"}, metadata={"value": b"m"})
    read = operations_pb2.Operation.FromString(made.SerializeToString())
    assert (read.response.type_url, read.response.value, read.metadata.value) == ("t", b"v", b"m")


def test_open_inference_fields_are_those_of_tritonclient() -> None:
    """Its messages may have more of them."""
    assert len(vars(pb)) == 17
    for name, kind in vars(pb).items():
        theirs = described(getattr(service_pb2, name).DESCRIPTOR)
        for message, fields in described(kind.DESCRIPTOR).items():
            assert fields.items() <= theirs[message].items(), message


def test_open_inference_methods_are_those_of_tritonclient() -> None:
    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    text = files(protobuf_messages.__package__).joinpath("inference.proto").read_text("utf-8")
    (service,) = file_description("inference.proto", text).service
    assert service.name == "GRPCInferenceService"
    for method in service.method:
        one = theirs[method.name]
        assert method.input_type == one.input_type.name
        assert method.output_type == one.output_type.name
        streams = (one.client_streaming, one.server_streaming)
        assert (method.client_streaming, method.server_streaming) == streams


def test_bytes_are_read_by_the_other_side() -> None:
    config = {"encoding": 1, "speech_contexts": [{"phrases": ["brooklyn"], "boost": 2.5}]}
    written = versions.v1.RecognizeRequest(config=config, audio={"content": b"\0\1"})
    read = v1.RecognizeRequest.deserialize(written.SerializeToString())
    assert read.config.speech_contexts[0].phrases == ["brooklyn"]
    assert read.audio.content == b"\0\1"
    back = versions.v1.RecognizeRequest.FromString(v1.RecognizeRequest.serialize(read))
    assert back == written


def test_all_that_the_language_has_here() -> None:
    text = """
        import "google/protobuf/duration.proto";
        message Outer { // a comment
          enum Kind { NONE = 0; SOME = 1; }
          message Inner { Kind kind = 1; }
          oneof choice { string text = 1; Inner inner = 2; }
          optional int32 maybe = 3;
          map<string, Inner> by_name = 4;
          repeated google.protobuf.Duration times = 5;
        }
        """
    outer = message_classes("all.proto", HEAD + text).Outer
    made = outer(text="a", by_name={"b": {"kind": 1}}, times=[{"seconds": 2}])
    assert made.WhichOneof("choice") == "text"
    assert not made.HasField("maybe")
    made.inner.kind, made.maybe = 1, 0
    read = outer.FromString(made.SerializeToString())
    assert (read.WhichOneof("choice"), read.HasField("maybe")) == ("inner", True)
    assert read.by_name["b"].kind == read.times[0].seconds - 1 == 1


def test_services_enums_and_what_is_reserved() -> None:
    text = """
        enum Kind { reserved 3, "OLD"; NONE = 0; }
        message A { reserved 2, 5 to 7; reserved "b", "c"; Kind kind = 1; }
        service S { rpc One(A) returns (stream A); rpc Two(stream other.B) returns (A); }
        """
    file = file_description("all.proto", HEAD + text)
    (message,), (enum,) = file.message_type, file.enum_type
    assert [(one.start, one.end) for one in message.reserved_range] == [(2, 3), (5, 8)]
    assert list(message.reserved_name) == ["b", "c"]
    assert [(one.start, one.end) for one in enum.reserved_range] == [(3, 3)]
    assert list(enum.reserved_name) == ["OLD"]
    one, two = file.service[0].method
    assert (one.client_streaming, one.server_streaming) == (False, True)
    assert (two.client_streaming, two.server_streaming) == (True, False)
    assert (two.input_type, two.output_type) == ("other.B", "A")
    assert message_classes("all.proto", HEAD + text).A(kind=0).kind == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("option java_package = 1;", "'option' at the top of a .proto file; expected: a message"),
        ("service A { option b = 1; }", "'option' in a service of a .proto file; expected: 'rpc'"),
        ("service A { rpc B(C) returns C; }", "'C' in a .proto file; expected: "),
        ("message A { int32 a = b; }", "'b' in a .proto file; expected: a number"),
        ("message A { reserved 2 to max; }", "'max' in a .proto file; expected: a number"),
        ("message A { int32 a = 1 [deprecated = true]; }", r"'\['"),
        ("message A { int32 a 1; }", "'1' in a .proto file; expected: '='"),
        ("message A { reserved 2 3; }", "'3' in a .proto file; expected: ',' or ';'"),
        ("message A { int32 a = 1;", "the end of a .proto file"),
    ],
)
def test_what_is_not_read_is_named(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        message_classes("wrong.proto", HEAD + text)
