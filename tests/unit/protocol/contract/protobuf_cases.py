"""Changes of a .proto file, each with the verdicts on both sides, for our comparison and buf."""

from dataclasses import dataclass

from lab_kit.protocol.contract.change import Verdict

ADD, BEHAVE, BREAK = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING

BASE = """
syntax = "proto3";
package lab.v1;

service Speech {
  rpc Listen(stream Sound) returns (stream Result);
  rpc Recognize(Sound) returns (Result);
}

message Sound {
  bytes data = 1;
  int32 rate = 2;
  Encoding encoding = 3;
  reserved 9;
  reserved "speed";
}

message Result {
  string text = 1;
  repeated Word words = 2;
  optional double confidence = 3;
  oneof at {
    int64 sample = 4;
    double time_s = 5;
  }
  uint32 channel = 6;
  enum State { UNKNOWN = 0; INTERIM = 1; FINAL = 2; }
  State state = 7;
  map<string, string> notes = 8;
}

message Word {
  string text = 1;
  Word next = 2;
}

message Spare {
  string text = 1;
}

enum Encoding { NONE = 0; PCM = 1; OPUS = 2; }

enum Unused { NOTHING = 0; }
"""


@dataclass(frozen=True)
class Case:
    """A piece of the file, what stands there instead, and what is made of it.

    ``asked`` and ``answered`` are the worst verdicts on the side of requests and of answers; None
    where nothing is found on that side.
    """

    rule: str
    was: str
    now: str
    asked: Verdict | None = None
    answered: Verdict | None = None

    @property
    def changed(self) -> str:
        assert BASE.count(self.was) == 1, self.was
        return BASE.replace(self.was, self.now)

    @property
    def is_breaking(self) -> bool:
        return BREAK in (self.asked, self.answered)


CASES = [
    Case("service_removed", BASE[BASE.index("service") : BASE.index("message")], "", BREAK),
    Case("service_added", "message Word {", "service New {}\nmessage Word {", ADD),
    Case("method_removed", "rpc Recognize(Sound) returns (Result);", "", BREAK),
    Case(
        "method_added",
        "rpc Recognize",
        "rpc Recognise(Sound) returns (Result);\n  rpc Recognize",
        ADD,
    ),
    Case("stream_changed", "Listen(stream Sound)", "Listen(Sound)", BREAK),
    Case(
        "stream_changed", "(Sound) returns (Result)", "(Sound) returns (stream Result)", None, BREAK
    ),
    Case("method_type_changed", "Recognize(Sound)", "Recognize(Spare)", BREAK),
    Case("method_type_changed", "(Sound) returns (Result)", "(Sound) returns (Word)", None, BREAK),
    Case("proto_message_removed", "message Spare {\n  string text = 1;\n}", "", BEHAVE, BEHAVE),
    Case("proto_field_added", "int32 rate = 2;", "int32 rate = 2; string model = 4;", ADD),
    Case("proto_field_added", "uint32 channel = 6;", "uint32 channel = 6; bool a = 10;", None, ADD),
    Case("proto_field_lost", "  int32 rate = 2;\n", "", BREAK),
    Case("proto_field_lost", "uint32 channel = 6;", "reserved 6;", None, BREAK),
    Case("proto_field_lost", "uint32 channel = 6;", 'reserved "channel";', None, BREAK),
    Case("proto_field_removed", "int32 rate = 2;", 'reserved 2; reserved "rate";', BEHAVE),
    Case(
        "proto_field_removed",
        "uint32 channel = 6;",
        'reserved 6 to 6; reserved "channel";',
        None,
        BEHAVE,
    ),
    Case("proto_field_renumbered", "uint32 channel = 6;", "uint32 channel = 11;", None, BREAK),
    Case("proto_field_renamed", "int32 rate = 2;", "int32 rate_hz = 2;", BREAK),
    Case("proto_field_renamed", "uint32 channel = 6;", "uint32 track = 6;", None, BREAK),
    Case("proto_type_changed", "int32 rate = 2;", "string rate = 2;", BREAK),
    Case("proto_type_changed", "uint32 channel = 6;", "uint64 channel = 6;", None, BREAK),
    Case("proto_type_changed", "double time_s = 5;", "float time_s = 5;", None, BREAK),
    Case("proto_type_changed", "repeated Word words", "repeated Spare words", None, BREAK),
    Case("proto_type_changed", "map<string, string>", "map<string, int32>", None, BREAK),
    Case("proto_type_alike", "int32 rate = 2;", "uint32 rate = 2;", BEHAVE),
    Case("proto_type_alike", "uint32 channel = 6;", "int32 channel = 6;", None, BEHAVE),
    Case("proto_label_changed", "repeated Word words", "Word words", None, BREAK),
    Case("proto_label_changed", "int32 rate = 2;", "repeated int32 rate = 2;", BREAK),
    Case("proto_presence_changed", "optional double", "double", None, BEHAVE),
    Case("proto_presence_changed", "int32 rate = 2;", "optional int32 rate = 2;", BEHAVE),
    Case(
        "proto_choice_changed",
        "    double time_s = 5;\n  }",
        "  }\n  double time_s = 5;",
        None,
        BREAK,
    ),
    Case("reserved_used", '  reserved 9;\n  reserved "speed";', "  string pace = 9;", BREAK),
    Case("enum_removed", "enum Unused { NOTHING = 0; }", "", BEHAVE, BEHAVE),
    Case("enum_value_added", "OPUS = 2;", "OPUS = 2; FLAC = 3;", ADD),
    Case("enum_value_added", "FINAL = 2;", "FINAL = 2; REVISED = 3;", None, BEHAVE),
    Case("enum_value_lost", "OPUS = 2;", "", BREAK),
    Case("enum_value_lost", "FINAL = 2;", "reserved 2;", None, BREAK),
    Case("enum_value_removed", "OPUS = 2;", 'reserved 2; reserved "OPUS";', BEHAVE),
    Case("enum_value_removed", "FINAL = 2;", 'reserved 2, 5; reserved "FINAL";', None, ADD),
    Case("enum_value_renamed", "OPUS = 2;", "OGG = 2;", BREAK),
    Case("enum_value_renamed", "FINAL = 2;", "DONE = 2;", None, BREAK),
]
"""`proto_default_changed` needs the older language; it has a test of its own."""
