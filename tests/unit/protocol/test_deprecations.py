"""What holds at which moment of a deprecation, and what answers tell of it."""

from email.utils import parsedate_to_datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from lab_kit.core.errors import InvalidParameter, RouteBrownedOut, RouteGone
from lab_kit.protocol.deprecations import (
    BrownOut,
    DeprecationPlan,
    Standing,
    check_open,
    check_plan,
    headers,
    standing,
)

PLAN = DeprecationPlan(
    100.5, 200.9, (BrownOut("short", 120.0, 130.0), BrownOut("long", 130.0, 160.0))
)
OLD, NEW, GUIDE = "/v1/thing", "/v2/thing", "/docs/guide"
_plan: TypeAdapter[DeprecationPlan] = TypeAdapter(DeprecationPlan)


@pytest.mark.parametrize(
    ("now_s", "expected"),
    [
        (0.0, Standing.ANNOUNCED),
        (100.49, Standing.ANNOUNCED),
        (100.5, Standing.DEPRECATED),
        (119.99, Standing.DEPRECATED),
        (120.0, Standing.BROWN_OUT),
        (129.99, Standing.BROWN_OUT),
        (130.0, Standing.BROWN_OUT),
        (159.99, Standing.BROWN_OUT),
        (160.0, Standing.DEPRECATED),
        (200.89, Standing.DEPRECATED),
        (200.9, Standing.GONE),
        (1e9, Standing.GONE),
    ],
)
def test_what_holds_follows_from_the_plan_and_the_moment(now_s: float, expected: Standing) -> None:
    assert standing(PLAN, now_s) is expected


def test_a_brown_out_says_its_name_and_when_it_is_over() -> None:
    with pytest.raises(RouteBrownedOut, match="'short'") as refused:
        check_open(PLAN, OLD, NEW, GUIDE, 123.0)
    assert refused.value.retry_after_s == pytest.approx(7.0)
    assert refused.value.details == {"successor": NEW, "guide": GUIDE}
    check_open(PLAN, OLD, NEW, GUIDE, 110.0)


def test_after_the_sunset_it_is_gone_for_good() -> None:
    with pytest.raises(RouteGone) as refused:
        check_open(PLAN, OLD, NEW, GUIDE, 201.0)
    assert (refused.value.http_status, refused.value.retryable) == (410, False)
    assert NEW in str(refused.value)
    assert GUIDE in str(refused.value)


def test_the_headers_have_the_forms_of_their_standards() -> None:
    told = headers(DeprecationPlan(1_767_225_600, 1_798_761_600.75), NEW, GUIDE)
    assert told["deprecation"] == "@1767225600"
    assert told["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert [link.split("; ")[:2] for link in told["link"].split(", ")] == [
        [f"<{GUIDE}>", 'rel="deprecation"'],
        [f"<{GUIDE}>", 'rel="sunset"'],
        [f"<{NEW}>", 'rel="successor-version"'],
    ]


@pytest.mark.parametrize("sunset_s", [100.0, 100.2, 100.99, 101.0])
def test_no_header_says_a_sunset_before_the_deprecation(sunset_s: float) -> None:
    plan = DeprecationPlan(100.0, sunset_s)
    check_plan(plan)
    told = headers(plan, NEW, GUIDE)
    sunset = parsedate_to_datetime(told["sunset"]).timestamp()
    assert int(told["deprecation"].removeprefix("@")) <= sunset <= sunset_s


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (DeprecationPlan(100.0, 99.9), "before the deprecation"),
        (DeprecationPlan(10.0, 20.0, (BrownOut("a", 5.0, 12.0),)), "'a' from 5"),
        (DeprecationPlan(10.0, 20.0, (BrownOut("a", 15.0, 21.0),)), "'a' from 15"),
        (DeprecationPlan(10.0, 20.0, (BrownOut("a", 15.0, 15.0),)), "'a' from 15"),
        (DeprecationPlan(10.0, 20.0, (BrownOut("a", 16.0, 15.0),)), "'a' from 16"),
        (
            DeprecationPlan(10.0, 20.0, (BrownOut("a", 14.0, 16.0), BrownOut("b", 12.0, 13.0))),
            "'b', which begins before 'a' has ended",
        ),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(plan: DeprecationPlan, says: str) -> None:
    with pytest.raises(InvalidParameter, match=says):
        check_plan(plan)


@pytest.mark.parametrize(
    "body",
    [
        '{"deprecated_s": 1}',
        '{"deprecated_s": -1, "sunset_s": 2}',
        '{"deprecated_s": NaN, "sunset_s": 2}',
        '{"deprecated_s": 1, "sunset_s": 1e300}',
        '{"deprecated_s": 1, "sunset_s": 2, "more": 3}',
        '{"deprecated_s": 1, "sunset_s": 2, '
        '"brown_outs": [{"name": "", "from_s": 1, "until_s": 2}]}',
        '{"deprecated_s": 1, "sunset_s": 2, "brown_outs": ['
        + ",".join(['{"name": "a", "from_s": 1, "until_s": 2}'] * 65)
        + "]}",
    ],
)
def test_what_is_no_plan_is_not_read(body: str) -> None:
    with pytest.raises(ValidationError):
        _plan.validate_json(body)
