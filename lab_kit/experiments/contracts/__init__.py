"""What clients rely on beyond a schema: how exact answers are, from version to version."""

from lab_kit.experiments.contracts.side_by_side import apart, versions_side_by_side

__all__ = ["apart", "versions_side_by_side"]
