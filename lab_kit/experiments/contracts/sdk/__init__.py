"""A client that was generated from the served OpenAPI document, beside the one written by hand."""

from lab_kit.experiments.contracts.sdk.comparing import (
    SdkRun,
    SdkRuns,
    both_sdks,
    code_of,
    sdks_table,
)
from lab_kit.experiments.contracts.sdk.generating import Generated, generated_client

__all__ = [
    "Generated",
    "SdkRun",
    "SdkRuns",
    "both_sdks",
    "code_of",
    "generated_client",
    "sdks_table",
]
