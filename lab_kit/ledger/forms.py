"""The ledger's tables, form after form."""

from collections.abc import Sequence

from lab_kit.ledger import exports
from lab_kit.metering.event import FIELDS, TEXTS

_EVENTS = f"""
CREATE TABLE usage_events (
    number INTEGER PRIMARY KEY,
    {", ".join(f"{one} {'TEXT' if one in TEXTS else 'INTEGER'} NOT NULL" for one in FIELDS)},
    UNIQUE (source, id)
) STRICT
"""
"""``number`` is the order in which they arrived."""

_SHIPPED = """
CREATE TABLE shipped (
    file TEXT NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT
"""
"""How much of a journal's file is in the ledger, written with what is."""

_STRANGE = """
CREATE TABLE strange_lines (
    file TEXT NOT NULL,
    begins INTEGER NOT NULL,
    line BLOB NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (file, begins)
) STRICT
"""
"""Lines of a journal that are no usage event: kept, for somebody to look at."""

_WATERMARKS = """
CREATE TABLE watermarks (
    source TEXT NOT NULL PRIMARY KEY,
    until_us INTEGER NOT NULL
) STRICT
"""
"""Until when all that a source has written down is in the ledger."""

_CLOSINGS = """
CREATE TABLE closings (
    from_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    closed_us INTEGER NOT NULL,
    PRIMARY KEY (from_us, until_us)
) STRICT
"""
"""Periods that were billed: what arrived behind ``last_number`` was too late for its period."""

_INVOICES = """
CREATE TABLE invoices (
    number TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    place INTEGER NOT NULL,
    document BLOB NOT NULL,
    last_number INTEGER NOT NULL,
    issued_us INTEGER NOT NULL,
    UNIQUE (tenant, place)
) STRICT
"""
"""Invoices as they were issued; ``place`` is their order, and ``last_number`` is of the events that
they count."""

_CREDIT_NOTES = """
CREATE TABLE credit_notes (
    number TEXT NOT NULL PRIMARY KEY,
    invoice TEXT NOT NULL,
    place INTEGER NOT NULL,
    document BLOB NOT NULL,
    issued_us INTEGER NOT NULL,
    UNIQUE (invoice, place)
) STRICT
"""

FORMS: Sequence[Sequence[str]] = (
    (_EVENTS, _SHIPPED, _STRANGE, _WATERMARKS, _CLOSINGS),
    (_INVOICES, _CREDIT_NOTES),
    exports.TABLES,
)
