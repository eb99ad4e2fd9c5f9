"""A usage event is a CloudEvent, and is read as it was written; what is none is refused."""

import pytest
from cloudevents.http import from_json
from hypothesis import given
from hypothesis import strategies as st

from lab_kit.core.clock import read_rfc3339, rfc3339
from lab_kit.metering.event import (
    NoUsageEvent,
    Quantities,
    UsageEvent,
    Used,
    cloud_event,
    read_event,
)

USED = Used("r-1", "s-1", "stream", "acme", "sk_live_abc", "moonshine-tiny-en", 3, "eu-west")
COUNTS = st.integers(0, 2**53)
FEATURES = st.lists(st.text("abc:_-", min_size=1, max_size=9), max_size=4)
TIMES_US = st.integers(0, 4_102_444_799_999_999)


def event(**changes: object) -> UsageEvent:
    told: dict[str, object] = {
        "source": "lab_kit/a",
        "id": "s-1:0",
        "time_us": 1_700_000_000_123_456,
        "used": USED,
        "amount": Quantities(5_000_000, 4_900_000, 4_000_000, 0, 12, 80_000),
        "channels": 2,
        "features": ("redact",),
        "until_us": 4_000_000,
    }
    return UsageEvent(**(told | changes))  # type: ignore[arg-type]


@given(TIMES_US, st.tuples(*[COUNTS] * 6), st.text(max_size=20), FEATURES)
def test_what_is_written_is_read(
    time_us: int, amounts: tuple[int, ...], code: str, features: list[str]
) -> None:
    written = event(
        time_us=time_us, amount=Quantities(*amounts), code=code, features=tuple(features)
    )
    line = cloud_event(written)
    assert b"\n" not in line
    assert read_event(line) == written


def test_the_official_library_reads_it() -> None:
    read = from_json(cloud_event(event()))
    assert (read["id"], read["source"], read["subject"]) == ("s-1:0", "lab_kit/a", "acme")
    assert (read["type"], read["time"]) == ("lab.usage.v1", "2023-11-14T22:13:20.123456Z")
    assert read.data["billed_us"] == 4_000_000


@given(TIMES_US)
def test_a_moment_is_read_as_it_was_written(time_us: int) -> None:
    assert read_rfc3339(rfc3339(time_us)) == time_us


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"billed_us":4000000', b'"billed_us":-1'),
        (b'"billed_us":4000000', b'"billed_us":4.5'),
        (b'"billed_us":4000000', b'"billed_us":true'),
        (b'"billed_us":4000000', b'"other":1'),
        (b'"type":"lab.usage.v1"', b'"type":"lab.usage.v2"'),
        (b'"time":"2023-11-14T22:13:20.123456Z"', b'"time":"2023-11-14T22:13:20"'),
        (b'"time":"2023-11-14T22:13:20.123456Z"', b'"time":7'),
        (b'"subject":"acme"', b'"subject":7'),
        (b'"subject":"acme",', b""),
        (b'"features":["redact"]', b'"features":null'),
        (b"}}", b"}"),
    ],
)
def test_what_is_no_event_is_refused(old: bytes, new: bytes) -> None:
    line = cloud_event(event())
    assert old in line
    with pytest.raises(NoUsageEvent):
        read_event(line.replace(old, new))


@pytest.mark.parametrize("line", [b"", b"[]", b"7", b"{}", b'{"type":', b"\xff"])
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(NoUsageEvent):
        read_event(line)
