"""What lab 14 draws of engines, nodes and replicas that end, made by hand: calm and crowded."""

from dataclasses import replace

from show_calls import MS, STARTED_NS, at, stream

from lab_kit.experiments.load import CallEnding, LiveLoad, OfferedCall, Stairs
from lab_kit.experiments.scale.disturbed import Disturbed, Look, Seen
from lab_kit.experiments.scale.engines_ended import Ended, Ending, EnginesEnded

CALL = stream()
LOST = replace(CALL, received=CALL.received[:2])
LATE = replace(
    CALL, received=tuple(replace(r, received_ns=r.received_ns + 3_000 * MS) for r in CALL.received)
)


def _load(*calls: OfferedCall) -> LiveLoad:
    return LiveLoad(Stairs((len(calls),), 17.0), calls, STARTED_NS, 0.0, 0.1, 1.0)


def _offered(call: object = CALL) -> OfferedCall:
    return OfferedCall(STARTED_NS, call, CallEnding.COMPLETE)  # type: ignore[arg-type]


_ENDED = (
    Ended(Ending.KILLED, 11, at(0.4), 2, 1.4),
    Ended(Ending.STOPPED, 12, at(0.6), 0, 4.1),
    Ended(Ending.LEAVING, 13, at(16.9), 1, None),
)
ENDINGS = {
    "calm": EnginesEnded(_load(_offered(), _offered()), _ENDED[:1]),
    "late, lost and twice": EnginesEnded(
        _load(_offered(LATE), _offered(LOST), _offered(stream())), _ENDED
    ),
    "none ended": EnginesEnded(_load(_offered()), ()),
}

_LOOKS = tuple(
    Look(
        n / 4, {"node-1-4711": min(4, n), "node-2-4712": 4} | ({"node-3-4713": 0} if n > 30 else {})
    )
    for n in range(60)
)
_WELL = Disturbed((Seen(CALL, (at(1.0),)), Seen(CALL)), _LOOKS, 4.0)
_CUT = Disturbed((Seen(LOST, (), "cut"), Seen(CALL)) * 9, _LOOKS[:5], None)
DISTURBED = {
    "usual": {"begins again": _WELL, "any client": _CUT},
    "one, with a long name": {"drained, between two utterances, if one comes": _WELL},
}
MOVES = {
    "usual": _WELL,
    "few looks": _CUT,
    "many replicas": replace(
        _WELL, looks=tuple(Look(n / 4, {f"node-{r}-{r}": r for r in range(9)}) for n in range(9))
    ),
}
TRIPS = {
    "usual": {"directly": [0.001, 0.002, 0.004], "through the proxy": [0.03, 0.05, 0.2]},
    "far beyond": {"directly": [0.001] * 5, "through the proxy of everybody": [0.35, 0.9, 2.2]},
}
