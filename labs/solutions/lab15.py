"""Lab 15's answers.

15.1: where and what for are two settings; a home that is not allowed is no home.

15.2: few words say nothing, so they come first; what is bad is not waited for.

15.3: causes before effects. Memory that is short kills servers, starts cut lines, cut lines make
finals late; a drift is what is left.
"""

from lab_kit.experiments.game_day import Dashboard, Fault
from lab_kit.experiments.game_day.dashboard import VersionSeen
from lab_kit.experiments.product import Agreed
from lab_kit.protocol.tenants import TenantSettings

clinic = Agreed(
    TenantSettings(
        home_region="us-east", allowed_regions=("us-east",), consents=("recognition",), streams=4
    ),
    "starter",
)


def decide(production: VersionSeen, canary: VersionSeen, minutes: float) -> str:
    """15.2."""
    if canary.words < 1_000:
        return "wait"
    more_wrong = canary.word_error_rate - production.word_error_rate
    if more_wrong > 0.02 or canary.p95_s - production.p95_s > 0.05:
        return "roll back"
    return "promote" if minutes >= 30 else "wait"


ORDER = (
    Fault.MEMORY,
    Fault.STARTS,
    Fault.CASCADE,
    Fault.BAD_VERSION,
    Fault.BILLING,
    Fault.DRIFT,
)


def triage(seen: Dashboard) -> Fault | None:
    """15.3."""
    return next((fault for fault in ORDER if seen.shows(fault)), None)
