"""What lab 13 measures: usage from a caller's ear to the last digit of an invoice."""

from lab_kit.experiments.metering.bill import Bill, Unfolded, billed, invoice_table
from lab_kit.experiments.metering.cost_here import CostHere, cost_here
from lab_kit.experiments.metering.costs import EventCost, what_an_event_costs
from lab_kit.experiments.metering.counts import SABOTAGE, compared, compared_table
from lab_kit.experiments.metering.dispute import Dispute, dispute
from lab_kit.experiments.metering.flushing import killed_writers, killed_writers_table
from lab_kit.experiments.metering.killing import Fault, Killed, Moment, Plan, killed
from lab_kit.experiments.metering.margins import Margins, losing, margins
from lab_kit.experiments.metering.one_stream import OneStream, one_stream
from lab_kit.experiments.metering.overcharged import CAUSES, Overcharged, overcharged
from lab_kit.experiments.metering.prepaid import Became, Prepaid, prepaid
from lab_kit.experiments.metering.prices import (
    Bid,
    bids,
    length_for,
    live_requests,
    month,
    surcharge,
)
from lab_kit.experiments.metering.sent_on import SentOn, sent_on
from lab_kit.experiments.metering.stack import groups_table, stack_prices_table
from lab_kit.experiments.metering.tier_change import TierChange, tier_change
from lab_kit.metering.economics import Served

__all__ = [
    "CAUSES",
    "SABOTAGE",
    "Became",
    "Bid",
    "Bill",
    "CostHere",
    "Dispute",
    "EventCost",
    "Fault",
    "Killed",
    "Margins",
    "Moment",
    "OneStream",
    "Overcharged",
    "Plan",
    "Prepaid",
    "SentOn",
    "Served",
    "TierChange",
    "Unfolded",
    "bids",
    "billed",
    "compared",
    "compared_table",
    "cost_here",
    "dispute",
    "groups_table",
    "invoice_table",
    "killed",
    "killed_writers",
    "killed_writers_table",
    "length_for",
    "live_requests",
    "losing",
    "margins",
    "month",
    "one_stream",
    "overcharged",
    "prepaid",
    "sent_on",
    "stack_prices_table",
    "surcharge",
    "tier_change",
    "what_an_event_costs",
]
