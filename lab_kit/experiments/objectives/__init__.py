"""Objectives on a real server: counted at both ends, burnt, paged for, and lied about."""

from lab_kit.experiments.objectives.alerts import alerts_table, rules_text
from lab_kit.experiments.objectives.both_ends import BothEnds, both_ends
from lab_kit.experiments.objectives.burst import Burst, burst
from lab_kit.experiments.objectives.counting import count, scrape
from lab_kit.experiments.objectives.events import raw_events
from lab_kit.experiments.objectives.lies import Lie, lies, lies_table
from lab_kit.experiments.objectives.omission import Omission, omission
from lab_kit.experiments.objectives.paging import watch_budget
from lab_kit.experiments.objectives.products import products_table
from lab_kit.experiments.objectives.reading import what_reading_costs
from lab_kit.experiments.objectives.shipped import objectives, objectives_text
from lab_kit.experiments.objectives.spike import Spike, spike
from lab_kit.experiments.objectives.watched import Moment, Plan, Watched

__all__ = [
    "BothEnds",
    "Burst",
    "Lie",
    "Moment",
    "Omission",
    "Plan",
    "Spike",
    "Watched",
    "alerts_table",
    "both_ends",
    "burst",
    "count",
    "lies",
    "lies_table",
    "objectives",
    "objectives_text",
    "omission",
    "products_table",
    "raw_events",
    "rules_text",
    "scrape",
    "spike",
    "watch_budget",
    "what_reading_costs",
]
