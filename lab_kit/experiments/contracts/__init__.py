"""What clients rely on beyond a schema: how exact answers are, and how long a version is served."""

from lab_kit.experiments.contracts.deprecation import Deprecated, LastDays, Notices, Span, last_days
from lab_kit.experiments.contracts.side_by_side import apart, versions_side_by_side

__all__ = [
    "Deprecated",
    "LastDays",
    "Notices",
    "Span",
    "apart",
    "last_days",
    "versions_side_by_side",
]
