"""Kinds of personal data in requests of our own streams: in an address, in JSON, and as options."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.personal_data import redact_value
from lab_kit.dialects.lab.options import (
    options_of,
    query_for,
    read_request,
    request_for,
    request_of,
)


@pytest.mark.parametrize("value", ["true", "false", "card", "card,phone"])
def test_an_address_says_in_one_what_is_redacted(value: str) -> None:
    options = options_of(request_of({"redact": value}))
    assert redact_value(options.postprocess) == value
    again = options_of(request_of(query_for(request_for(options))))
    assert again == options


def test_a_body_has_the_kinds_in_a_field_of_their_own() -> None:
    options = options_of(read_request(b'{"redact": true, "redact_kinds": "email,name"}'))
    assert options.postprocess == ("redact", "redact:email", "redact:name")
    assert options_of(read_request(b'{"redact_kinds": "email"}')).postprocess == ()


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="shoe_size"):
        options_of(request_of({"redact": "card,shoe_size"}))
