"""Names of calls, streams and tenants: unlike each other, sorted by age, or brought along."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import RequestId, StreamId, TenantId

UUID4 = "0f8fad5b-d9cb-469f-a165-70867728950e"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_new_names_are_all_others_and_of_version_7() -> None:
    names = [RequestId.new() for _ in range(1_000)]
    assert len(set(names)) == 1_000
    assert {name.value.version for name in names} == {7}
    assert {name.value.variant for name in names} == {"specified in RFC 4122"}


def test_a_later_name_sorts_behind_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for at_ms in (1, 2, 1_000, 1_800_000_000_000):
        monkeypatch.setattr("lab_kit.core.ids.since_1970_ms", lambda at_ms=at_ms: at_ms)
        names.append(str(StreamId.new()))
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("request_id", "traceparent", "brought"),
    [
        (UUID4, None, UUID4),
        (UUID4.replace("-", "").upper(), None, UUID4),
        (UUID4, PARENT, UUID4),
        (None, PARENT, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
        ("my own name", PARENT, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
        ("my own name", None, None),
        ("a" * 10_000, None, None),
        (None, None, None),
        (None, f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (None, PARENT.replace(TRACE, "x" * 32), None),
        (f"{UUID4}\r\nset-cookie: a=b", None, None),
    ],
)
def test_a_call_keeps_the_name_that_it_brings_if_it_is_one(
    request_id: str | None, traceparent: str | None, brought: str | None
) -> None:
    found = RequestId.brought(request_id, traceparent)
    assert (None if found is None else str(found)) == brought


def test_names_of_two_kinds_are_never_equal() -> None:
    name = RequestId.new()
    assert name != StreamId(name.value)


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 64, "ä"])
def test_a_tenant_has_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match="small letters"):
        TenantId(name)
