"""Every kind of change and its verdict: the table that the comparisons look things up in.

A kind has two columns, for the same change means the opposite on the two sides. A server may take
more than before and say less; it may not take less, and not say more. Where a change is legal by
the schema and clients are known to break of it all the same, the verdict is *behaviour*.

Sources: RFC 9110, 15: a client knows a status by its class. Google AIP-180, Backwards
compatibility. Protocol Buffers, "Updating A Message Type". Buf, breaking rules of WIRE_JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit.protocol.contract.change import Side, Verdict

ADDITIVE, BEHAVIOUR, BREAKING = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING
_Cell = tuple[Verdict, str] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of change means, by who writes; None where it cannot happen.

    The sentences hold ``{was}`` and ``{now}``.
    """

    request: _Cell = None
    answer: _Cell = None

    def on(self, side: Side) -> tuple[Verdict, str]:
        """The verdict and the sentence of one side."""
        cell = self.request if side is Side.REQUEST else self.answer
        if cell is None:
            raise ValueError(f"this change does not happen on the side of the {side}")
        return cell


_VALUES = {
    "type_changed": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (BREAKING, "a client that reads {was} cannot read {now}"),
    ),
    "type_lost": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (ADDITIVE, "a client that reads it has less to expect"),
    ),
    "type_gained": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BREAKING, "a client that takes {was} for granted meets {now} and cannot read it"),
    ),
    "number_widened": Rule(
        (ADDITIVE, "whole numbers are still taken"),
        (BREAKING, "a client that reads a whole number meets a fraction"),
    ),
    "number_narrowed": Rule(
        (BREAKING, "a client that sends a fraction is refused"),
        (ADDITIVE, "a client that reads fractions reads whole numbers too"),
    ),
    "values_gained": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client that knows only {was} meets {now}; one that refuses it breaks"),
    ),
    "values_lost": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (ADDITIVE, "a client that knows {was} no longer meets it"),
    ),
    "values_replaced": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (BREAKING, "a client that looks for {was} never finds it"),
    ),
    "values_listed": Rule(
        (BREAKING, "a client that sends anything but {now} is refused"),
        (ADDITIVE, "a client that reads any value reads these"),
    ),
    "values_unlisted": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client that knows only {was} meets others; one that refuses them breaks"),
    ),
    "bound_tightened": Rule(
        (BREAKING, "a client that sends what was allowed is refused beyond {now}"),
        (ADDITIVE, "what is answered still lies inside what clients expect"),
    ),
    "bound_loosened": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client that relies on {was} (a column, a buffer) meets more than it holds"),
    ),
    "bound_moved": Rule(
        (BREAKING, "a client that sends what fits {was} may be refused"),
        (BEHAVIOUR, "a client that checks for {was} meets values that do not fit"),
    ),
    "format_added": Rule(
        (BEHAVIOUR, "a schema only notes a format; a server that checks it refuses other texts"),
        (ADDITIVE, "a client that reads any text reads these"),
    ),
    "format_removed": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client that parses {was} may meet a text that is none"),
    ),
    "format_changed": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (BREAKING, "a client that parses {was} cannot parse {now}"),
    ),
    "format_widened": Rule(
        (ADDITIVE, "what fits {was} fits {now}"),
        (BREAKING, "a client that keeps it as {was} overflows"),
    ),
    "format_narrowed": Rule(
        (BREAKING, "a client that sends more than {now} holds is refused"),
        (ADDITIVE, "what fits {now} fits {was}"),
    ),
    "default_changed": Rule(
        (BEHAVIOUR, "a client that leaves it out had {was} and has {now}, and is not told"),
        (BEHAVIOUR, "a client that fills in for what is left out fills in the wrong value"),
    ),
    "alternative_added": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client meets a form that it does not know; one that refuses it breaks"),
    ),
    "alternative_removed": Rule(
        (BREAKING, "a client that sends this form is refused"),
        (BEHAVIOUR, "a client that waits for this form waits in vain"),
    ),
    "unread": Rule(
        (BEHAVIOUR, "this comparison does not judge it: look whether clients may still send it"),
        (BEHAVIOUR, "this comparison does not judge it: look whether clients can still read it"),
    ),
}
_FIELDS = {
    "field_added": Rule(
        (ADDITIVE, "a client that does not send it is still taken"),
        (ADDITIVE, "a client skips a field that it does not know"),
    ),
    "field_added_to_closed": Rule(
        (ADDITIVE, "a client that does not send it is still taken"),
        (BEHAVIOUR, "no other fields were promised; a client that checks for it refuses this one"),
    ),
    "required_field_added": Rule(
        (BREAKING, "a client that does not send it is refused"),
        (ADDITIVE, "a client skips a field that it does not know"),
    ),
    "field_removed": Rule(
        (BREAKING, "a client that sends it is refused, or not heard"),
        (BEHAVIOUR, "it could be missing before; a client that shows it shows nothing now"),
    ),
    "required_field_removed": Rule(
        (BREAKING, "a client that sends it is refused, or not heard"),
        (BREAKING, "a client that reads it finds nothing"),
    ),
    "field_required": Rule(
        (BREAKING, "a client that leaves it out is refused"),
        (ADDITIVE, "a client that copes without it always has it"),
    ),
    "field_optional": Rule(
        (ADDITIVE, "a client that sends it is still taken"),
        (BREAKING, "a client that takes it for granted finds nothing at times"),
    ),
    "other_fields_refused": Rule(
        (BREAKING, "a client that sends fields of its own is refused"),
        (ADDITIVE, "a client has less to expect"),
    ),
    "other_fields_allowed": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "no other fields were promised; a client that checks for it meets some"),
    ),
}
_OPERATIONS = {
    "operation_added": Rule((ADDITIVE, "no client calls it yet")),
    "operation_removed": Rule((BREAKING, "a client that calls it gets 404 or 405")),
    "operation_renamed": Rule(
        (BEHAVIOUR, "calls go on; in a client generated again the method has another name")
    ),
    "operation_deprecated": Rule((ADDITIVE, "it still answers; clients are told to move")),
    "parameter_added": Rule((ADDITIVE, "a client that does not send it is still taken")),
    "required_parameter_added": Rule((BREAKING, "a client that does not send it is refused")),
    "parameter_removed": Rule((BREAKING, "a client that sends it is refused, or not heard")),
    "parameter_required": Rule((BREAKING, "a client that leaves it out is refused")),
    "parameter_optional": Rule((ADDITIVE, "a client that sends it is still taken")),
    "parameter_renamed": Rule(
        (BEHAVIOUR, "addresses stay; in a client generated again the argument has another name")
    ),
    "parameter_form_changed": Rule((BREAKING, "a client writes it in a form no longer read")),
    "body_added": Rule((ADDITIVE, "a client that sends none is still taken")),
    "required_body_added": Rule((BREAKING, "a client that sends none is refused")),
    "body_removed": Rule((BREAKING, "a client that sends one is refused, or not heard")),
    "body_required": Rule((BREAKING, "a client that sends none is refused")),
    "body_optional": Rule((ADDITIVE, "a client that sends one is still taken")),
    "media_type_added": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (ADDITIVE, "a client gets it only if it asks for it"),
    ),
    "media_type_removed": Rule(
        (BREAKING, "a client that sends it is refused with 415"),
        (BREAKING, "a client that asks for it gets another form, or 406"),
    ),
    "success_added": Rule(
        answer=(BREAKING, "a client that waits for another status takes it for a failure")
    ),
    "success_removed": Rule(answer=(BREAKING, "a client that waits for this status never gets it")),
    "refusal_added": Rule(
        answer=(BEHAVIOUR, "a client handles it by its class only [Source: RFC 9110, 15]")
    ),
    "refusal_removed": Rule(answer=(ADDITIVE, "a client that handles it no longer meets it")),
    "header_added": Rule(answer=(ADDITIVE, "a client skips a header that it does not know")),
    "header_removed": Rule(
        answer=(BEHAVIOUR, "it could be missing before; a client that reads it finds nothing now")
    ),
    "required_header_removed": Rule(answer=(BREAKING, "a client that reads it finds nothing")),
    "header_required": Rule(answer=(ADDITIVE, "a client that copes without it always has it")),
    "header_optional": Rule(
        answer=(BREAKING, "a client that takes it for granted finds nothing at times")
    ),
    "key_asked_for": Rule((BREAKING, "a client that sends no key is refused with 401")),
    "key_not_asked_for": Rule((ADDITIVE, "a client that sends its key is still taken")),
    "key_form_added": Rule((ADDITIVE, "a client that sends its key as before is still taken")),
    "key_form_removed": Rule((BREAKING, "a client that sends its key this way is refused")),
    "key_form_changed": Rule((BREAKING, "a client that sends its key as before is refused")),
}
_MESSAGES = {
    "socket_added": Rule((ADDITIVE, "no client connects to it yet")),
    "socket_removed": Rule((BREAKING, "a client that connects gets 404")),
    "message_added": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client meets a message that it does not know; one that refuses it breaks"),
    ),
    "message_removed": Rule(
        (BREAKING, "a client that sends it is refused"),
        (BREAKING, "a client that waits for it waits for good"),
    ),
    "message_form_changed": Rule(
        (BREAKING, "a client that sends {was} is refused"),
        (BREAKING, "a client that reads {was} cannot read {now}"),
    ),
}
_NUMBER = "a client of the old file reads bytes of the one as the other"
_JSON = "bytes stay; a client of JSON, or generated again, no longer finds {was}"
_LOST = "nothing keeps its number and name from being used again for something else"
_PROTOBUF = {
    "service_added": Rule((ADDITIVE, "no client calls it yet")),
    "service_removed": Rule((BREAKING, "a client that calls it gets UNIMPLEMENTED")),
    "method_added": Rule((ADDITIVE, "no client calls it yet")),
    "method_removed": Rule((BREAKING, "a client that calls it gets UNIMPLEMENTED")),
    "stream_changed": Rule(
        (BREAKING, "a client that sends {was} is not understood"),
        (BREAKING, "a client that waits for {was} breaks at the first answer, or waits for more"),
    ),
    "method_type_changed": Rule(
        (BREAKING, "a client sends {was} where {now} is read"),
        (BREAKING, "a client reads {was} where {now} is sent"),
    ),
    "proto_message_removed": Rule(
        (BEHAVIOUR, "no method uses it; in a client generated again it is missing"),
        (BEHAVIOUR, "no method uses it; in a client generated again it is missing"),
    ),
    "proto_field_added": Rule(
        (ADDITIVE, "a client that does not send it is still read"),
        (ADDITIVE, "a client skips a number that it does not know"),
    ),
    "proto_field_removed": Rule(
        (BEHAVIOUR, "a client that sends it is no longer heard; number and name are reserved"),
        (BEHAVIOUR, "a client that reads it finds the default; number and name are reserved"),
    ),
    "proto_field_lost": Rule(
        (BREAKING, f"a client that sends it is no longer heard, and {_LOST}"),
        (BREAKING, f"a client that reads it finds the default, and {_LOST}"),
    ),
    "proto_field_renumbered": Rule(
        (BREAKING, "a client sends it under a number that is no longer read"),
        (BREAKING, "a client looks for it under a number that is no longer sent"),
    ),
    "proto_field_renamed": Rule((BREAKING, _JSON), (BREAKING, _JSON)),
    "proto_type_changed": Rule((BREAKING, _NUMBER), (BREAKING, _NUMBER)),
    "proto_type_alike": Rule(
        (BEHAVIOUR, "the same bytes; values that fit only one of the two are read wrong"),
        (BEHAVIOUR, "the same bytes; values that fit only one of the two are read wrong"),
    ),
    "proto_label_changed": Rule(
        (BREAKING, "a client that sends one or several is read as the other"),
        (BREAKING, "a client that expects one or several reads the other"),
    ),
    "proto_presence_changed": Rule(
        (BEHAVIOUR, "the same bytes; whether a default value was set is seen, or no longer"),
        (BEHAVIOUR, "the same bytes; whether a default value was set is seen, or no longer"),
    ),
    "proto_choice_changed": Rule(
        (BREAKING, "a client that sends it beside another field of the choice loses one"),
        (BREAKING, "a client that reads it beside another field of the choice finds one missing"),
    ),
    "proto_default_changed": Rule(
        (BEHAVIOUR, "a client that leaves it out had {was} and has {now}, and is not told"),
        (BEHAVIOUR, "a client fills in its old default for what is left out"),
    ),
    "reserved_used": Rule(
        (BREAKING, "a client from before the removal sends the old field under it"),
        (BREAKING, "a client from before the removal reads the old field under it"),
    ),
    "enum_removed": Rule(
        (BEHAVIOUR, "no message uses it; in a client generated again it is missing"),
        (BEHAVIOUR, "no message uses it; in a client generated again it is missing"),
    ),
    "enum_value_added": Rule(
        (ADDITIVE, "what clients send today is still taken"),
        (BEHAVIOUR, "a client meets a number that it does not know; one that refuses it breaks"),
    ),
    "enum_value_removed": Rule(
        (BEHAVIOUR, "a client that sends it is not understood; number and name are reserved"),
        (ADDITIVE, "a client that knows it no longer meets it; number and name are reserved"),
    ),
    "enum_value_lost": Rule(
        (BREAKING, f"a client that sends it is not understood, and {_LOST}"),
        (BREAKING, f"a client that knows it no longer meets it, and {_LOST}"),
    ),
    "enum_value_renamed": Rule((BREAKING, _JSON), (BREAKING, _JSON)),
}
RULES: Mapping[str, Rule] = {**_VALUES, **_FIELDS, **_OPERATIONS, **_MESSAGES, **_PROTOBUF}
"""By name. A kind that no rule names cannot be found by a comparison."""
