"""What clients rely on: a contract, a model's version, a route that stays, a library to call it."""

from lab_kit.experiments.contracts.answers import (
    Answered,
    BothAnswers,
    both_answers,
    delays_table,
    fields_table,
    half_a_year,
    leaves,
    route_delays,
)
from lab_kit.experiments.contracts.deprecation import Deprecated, LastDays, Notices, Span, last_days
from lab_kit.experiments.contracts.first_call import Attempt, Attempts, FirstCall
from lab_kit.experiments.contracts.names import Named, names_table, promoted
from lab_kit.experiments.contracts.proposals import Proposal, Proposals, twelve_proposals
from lab_kit.experiments.contracts.sdk import SdkRun, SdkRuns, both_sdks, code_of, sdks_table
from lab_kit.experiments.contracts.served import (
    Contract,
    changes_table,
    compared,
    served_contract,
)
from lab_kit.experiments.contracts.side_by_side import apart, versions_side_by_side

__all__ = [
    "Answered",
    "Attempt",
    "Attempts",
    "BothAnswers",
    "Contract",
    "Deprecated",
    "FirstCall",
    "LastDays",
    "Named",
    "Notices",
    "Proposal",
    "Proposals",
    "SdkRun",
    "SdkRuns",
    "Span",
    "apart",
    "both_answers",
    "both_sdks",
    "changes_table",
    "code_of",
    "compared",
    "delays_table",
    "fields_table",
    "half_a_year",
    "last_days",
    "leaves",
    "names_table",
    "promoted",
    "route_delays",
    "sdks_table",
    "served_contract",
    "twelve_proposals",
    "versions_side_by_side",
]
