"""Every kind of change of a .proto file: bytes, names in JSON, and generated code."""

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from protobuf_cases import BASE, CASES, Case

from lab_kit.core.errors import InvalidContract
from lab_kit.core.proto_file import file_description
from lab_kit.protocol.contract.change import Change, Side, Verdict, worst
from lab_kit.protocol.contract.protobuf import protobuf_changes
from lab_kit.protocol.contract.rules import _PROTOBUF


def changes(old: str, new: str) -> tuple[Change, ...]:
    read = [file_description("speech.proto", text) for text in (old, new)]
    return protobuf_changes([read[0]], [read[1]])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.was[:30]!r}")
def test_each_change_has_its_verdict_on_each_side(case: Case) -> None:
    found = changes(BASE, case.changed)
    assert case.rule in {change.rule for change in found}
    for side, verdict in ((Side.REQUEST, case.asked), (Side.ANSWER, case.answered)):
        assert worst(change for change in found if change.side is side) is verdict, found
    for change in found:
        assert change.path.startswith("lab.v1.")
        assert "{" not in change.sentence


def test_every_rule_has_a_case() -> None:
    assert {*_PROTOBUF} - {case.rule for case in CASES} == {"proto_default_changed"}


def test_the_same_files_and_other_names_of_files_are_no_change() -> None:
    assert changes(BASE, BASE) == ()
    assert changes(BASE, "// said otherwise\n" + BASE.replace("Sound data", "Sound  data")) == ()


def test_a_type_is_the_same_however_far_it_is_written_out() -> None:
    full = BASE.replace("State state", "lab.v1.Result.State state").replace(
        "repeated Word", "repeated .lab.v1.Word"
    )
    assert changes(BASE, full) == ()


def test_who_uses_it_is_told() -> None:
    (change,) = changes(BASE, BASE.replace("OPUS = 2;", "OPUS = 2; FLAC = 3;"))
    assert change.used_by == ("lab.v1.Speech/Listen", "lab.v1.Speech/Recognize")
    assert change.path == "lab.v1.Encoding.FLAC"


def test_what_no_method_uses_is_judged_for_both_sides() -> None:
    found = changes(
        BASE, BASE.replace("message Spare {\n  string text", "message Spare {\n  bytes text")
    )
    assert {change.side for change in found} == {*Side}
    assert worst(found) is Verdict.BREAKING


def test_a_default_of_the_older_language() -> None:
    def file(default: str) -> FileDescriptorProto:
        made = FileDescriptorProto(name="a.proto", package="a")
        made.message_type.add(name="A").field.add(
            name="b", number=1, type=FieldDescriptorProto.TYPE_INT32, default_value=default
        )
        return made

    for change in protobuf_changes([file("1")], [file("2")]):
        assert (change.rule, change.verdict) == ("proto_default_changed", Verdict.BEHAVIOUR)
        assert (change.was, change.now) == ("1", "2")


def test_messages_inside_one_another_without_end_are_refused() -> None:
    made = FileDescriptorProto(name="a.proto", package="a")
    inner: Any = made.message_type.add(name="A")
    for _ in range(80):
        inner = inner.nested_type.add(name="A")
    with pytest.raises(InvalidContract, match="60 deep"):
        protobuf_changes([made], [made])
