"""What an API's shape costs its callers, each question answered by a real server.

One recording as a request, an operation and a stream, and what a cut connection costs each; who
pays twice; a storm of retries; webhooks to somebody who is down; refusals; a client
with a fault, and one that meets faults. Everything goes over the server's public surface. The
server is passed in.
"""

from lab_kit.experiments.api.bad_line import FAULTS, TOLD_S, Listen, Survival, survived
from lab_kit.experiments.api.faults import Fault, Journal, faulty_client
from lab_kit.experiments.api.paying import Paid, pay_each
from lab_kit.experiments.api.persistence import Polite, Stubborn
from lab_kit.experiments.api.receiver import Attempted, Told, tell_who_is_down
from lab_kit.experiments.api.refusals import (
    Refusal,
    kinds,
    kinds_table,
    misled_by_status,
    refusals_table,
    six_refusals,
)
from lab_kit.experiments.api.small_server import PLACES, limits_for, wav
from lab_kit.experiments.api.storm import (
    MOST_PER_S,
    Attempt,
    StormRun,
    Surge,
    capacity_per_s,
    storm,
)
from lab_kit.experiments.api.ways import Cut, Way, WayTaken, cut_each, recording, three_ways

__all__ = [
    "FAULTS",
    "MOST_PER_S",
    "PLACES",
    "TOLD_S",
    "Attempt",
    "Attempted",
    "Cut",
    "Fault",
    "Journal",
    "Listen",
    "Paid",
    "Polite",
    "Refusal",
    "StormRun",
    "Stubborn",
    "Surge",
    "Survival",
    "Told",
    "Way",
    "WayTaken",
    "capacity_per_s",
    "cut_each",
    "faulty_client",
    "kinds",
    "kinds_table",
    "limits_for",
    "misled_by_status",
    "pay_each",
    "recording",
    "refusals_table",
    "six_refusals",
    "storm",
    "survived",
    "tell_who_is_down",
    "three_ways",
    "wav",
]
