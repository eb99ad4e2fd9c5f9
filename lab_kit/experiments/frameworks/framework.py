"""The frameworks there are, and the paths that each serves."""

from enum import StrEnum


class Framework(StrEnum):
    """What serves."""

    NAIVE = "naive"
    LITSERVE = "litserve"


PATHS = {Framework.NAIVE: "/transcribe", Framework.LITSERVE: "/predict"}
HEALTH_PATHS = {Framework.NAIVE: "/healthz", Framework.LITSERVE: "/health"}
"""LitServe's are its own."""
