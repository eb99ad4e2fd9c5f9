"""The windows of a time zone: each minute, hour, day or month begins there."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.protocol.meters import WindowLength

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_STEPS_US = {WindowLength.MINUTE: 60_000_000, WindowLength.HOUR: 3_600_000_000}


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        InvalidParameter: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidParameter(
            f"the time zone {shown(name)}",
            "a name of the IANA database, such as Europe/Zurich",
            "send one of those, or leave it out for UTC",
        ) from error


def window_at(time_us: int, length: WindowLength, zone: ZoneInfo) -> tuple[int, int]:
    """Where the window begins and ends that a moment is in, in microseconds since 1970."""
    local = (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone)
    step_us = _STEPS_US.get(length)
    if step_us is not None:
        offset_us = (local.utcoffset() or timedelta()) // _US
        begins_us = (time_us + offset_us) // step_us * step_us - offset_us
        return begins_us, begins_us + step_us
    first = datetime(local.year, local.month, local.day, tzinfo=zone)
    if length is WindowLength.DAY:
        after = first + timedelta(days=1)  # on the wall's clock, whatever hours the day has
    else:
        first = first.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    return _us(first), _us(after)


def _us(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _US
