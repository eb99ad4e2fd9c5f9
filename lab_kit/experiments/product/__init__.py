"""A speech API in several regions, for tenants with keys, places and plans."""

from lab_kit.experiments.product.product import (
    REGIONS,
    Agreed,
    CallMade,
    Product,
    calls_table,
    open_product,
    seen_from,
)
from lab_kit.experiments.product.report import report_table

__all__ = [
    "REGIONS",
    "Agreed",
    "CallMade",
    "Product",
    "calls_table",
    "open_product",
    "report_table",
    "seen_from",
]
