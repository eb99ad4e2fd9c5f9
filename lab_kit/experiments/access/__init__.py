"""Who may do what on a server: keys and tokens, budgets of compute, and what is told of speech."""

from lab_kit.experiments.access.claims import claims_table
from lab_kit.experiments.access.costs import costs_table, what_it_costs
from lab_kit.experiments.access.draining import Ask, Drained, Plan, drain
from lab_kit.experiments.access.flood import Flooder, flood
from lab_kit.experiments.access.found import Found, Loot, Opens, Tried, TriedLoot, Way
from lab_kit.experiments.access.leaks import Heard, Leaks, heard_before, leaks, recognized_again
from lab_kit.experiments.access.loot import attempt, loot, tried_loot
from lab_kit.experiments.access.places import Placed, fair_places, places_table
from lab_kit.experiments.access.revoking import LIVE_WIRES, Revoked, revocations
from lab_kit.experiments.access.saying import SENTENCE, Said, Told, said

__all__ = [
    "LIVE_WIRES",
    "SENTENCE",
    "Ask",
    "Drained",
    "Flooder",
    "Found",
    "Heard",
    "Leaks",
    "Loot",
    "Opens",
    "Placed",
    "Plan",
    "Revoked",
    "Said",
    "Told",
    "Tried",
    "TriedLoot",
    "Way",
    "attempt",
    "claims_table",
    "costs_table",
    "drain",
    "fair_places",
    "flood",
    "heard_before",
    "leaks",
    "loot",
    "places_table",
    "recognized_again",
    "revocations",
    "said",
    "tried_loot",
    "what_it_costs",
]
