"""Last days of a route as runs make them: the usual, everybody early, nobody, refused at once."""

from lab_kit.experiments.contracts.deprecation import Asked, Deprecated, LastDays, Notices, Span
from lab_kit.protocol.deprecations import TenantUse
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH

DAYS = LastDays()


def lived(moves_s: dict[Notices, list[float | None]], days: LastDays = DAYS) -> Deprecated:
    """What becomes of clients that move at these moments, by what they notice."""
    clients = tuple(kind for kind, each in moves_s.items() for _ in each)
    moved_s = [at_s for each in moves_s.values() for at_s in each]
    asked = []
    for number, move_s in enumerate(moved_s):
        at_s = days.every_s * number / len(clients)
        while at_s < days.seconds:
            asked.append(_call(number, at_s, move_s, days))
            at_s += days.every_s
    use = {}
    for number in range(len(clients)):
        old = [one for one in asked if one.client == number and one.is_old]
        refused = sum(bool(one.reason) for one in old)
        use[number] = TenantUse(f"sandbox-{number}", len(old), refused)
    return Deprecated(days, clients, tuple(sorted(asked, key=lambda one: one.at_s)), use)


def _call(number: int, at_s: float, move_s: float | None, days: LastDays) -> Asked:
    if move_s is not None and at_s >= move_s:
        return Asked(number, at_s, TRANSCRIBE_V2_PATH, 200)
    if at_s >= days.sunset_s:
        return Asked(number, at_s, TRANSCRIBE_PATH, 410, "ROUTE_GONE", True)
    if any(one.from_s <= at_s < one.until_s for one in days.brown_outs):
        return Asked(number, at_s, TRANSCRIBE_PATH, 503, "ROUTE_BROWNED_OUT", True)
    return Asked(number, at_s, TRANSCRIBE_PATH, 200, "", at_s >= days.announced_s)


USUAL = lived(
    {
        Notices.HEADERS: [3.2, 3.3, 3.4],
        Notices.BROWN_OUT: [6.3, 6.5, 6.6],
        Notices.END: [12.2, 12.3],
        Notices.NEVER: [None],
    }
)
DEPRECATIONS = {
    "usual": USUAL,
    "all early": lived({Notices.HEADERS: [3.2] * 6}),
    "nobody": lived({Notices.NEVER: [None] * 24}),
    "one": lived({Notices.END: [12.5]}),
    "many brown-outs": lived(
        {Notices.BROWN_OUT: [3.0, 4.0], Notices.NEVER: [None]},
        LastDays(
            0.0, tuple(Span(f"brown-out {n} " * 3, n + 1.0, n + 1.3) for n in range(9)), 10.5, 11.0
        ),
    ),
    "at once": lived({Notices.END: [0.5], Notices.NEVER: [None]}, LastDays(0.0, (), 0.0, 0.9)),
    "an hour": lived(
        {Notices.HEADERS: [900.0], Notices.NEVER: [None]},
        LastDays(600.0, (Span("a while", 1_200.0, 1_500.0),), 3_000.0, 3_600.0, 60.0, 300.0),
    ),
}
