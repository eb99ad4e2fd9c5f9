"""Usage events that nobody caused."""

from uuid import UUID

from lab_kit.metering.event import Quantities, UsageEvent, Used

T0_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000


def made_usage(streams: int, each: int, tenants: int = 4) -> list[UsageEvent]:
    """Of each stream so many events, one after the other, in the order of their times."""
    made = []
    for number in range(each):
        for stream in range(streams):
            name = str(UUID(int=stream))
            tenant = f"tenant-{stream % tenants}"
            used = Used(name, name, "stream", tenant, "sk", "moonshine-tiny-en", 1, "eu")
            told_us = 1_000_000 + 7 * stream + 11 * number
            amount = Quantities(told_us + 5, told_us, told_us, 0, number, 1_000)
            time_us = T0_US + (number * streams + stream) * 1_000_000
            until_us = (number + 1) * told_us
            event = UsageEvent(
                "lab_kit/a", f"{name}:{number}", time_us, used, amount, 1, ("redact",), until_us
            )
            made.append(event)
    return made
