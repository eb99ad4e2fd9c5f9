"""How long things are kept, where a tenant's tier or a legal hold has a say beside their caller.

A tier is the longest that anything of a tenant is kept. What is under a hold is not removed,
whoever asks and however old it is, until the hold ends.
"""

from lab_kit.core.errors import UnderLegalHold
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows

HELD = "(SELECT name FROM tenants WHERE is_held = 1)"
"""Tenants under a hold."""


def over(expires: str, created: str, tenant: str) -> str:
    """The condition by which rows have been kept long enough at ``:now_ms``.

    Args:
        expires, created: columns, or what gives milliseconds since 1970.
        tenant: the column, with its table: a bare name would be that of what is looked up.
    """
    longest = f"(SELECT longest_ms FROM tenants WHERE name = {tenant})"
    is_old = f"({expires} <= :now_ms OR {created} + {longest} <= :now_ms)"
    return f"{is_old} AND {tenant} NOT IN {HELD}"


def expiry_ms(rows: Rows, tenant: TenantId, now_ms: int, asked_ms: int) -> int:
    """When what a tenant's caller has kept now expires, who asked for ``asked_ms`` of time."""
    row = rows.execute("SELECT longest_ms FROM tenants WHERE name = ?", (str(tenant),)).fetchone()
    longest_ms = None if row is None else row["longest_ms"]
    return now_ms + (asked_ms if longest_ms is None else min(asked_ms, round(longest_ms)))


def is_held(rows: Rows, tenant: TenantId) -> bool:
    """Whether nothing of a tenant may be removed."""
    row = rows.execute("SELECT is_held FROM tenants WHERE name = ?", (str(tenant),)).fetchone()
    return row is not None and bool(row["is_held"])


def check_not_held(rows: Rows, tenant: TenantId) -> None:
    """Make sure that something of a tenant may be removed.

    Raises:
        UnderLegalHold: it may not.
    """
    if is_held(rows, tenant):
        raise UnderLegalHold(
            f"something of tenant {tenant}, which is under a legal hold",
            "a tenant that is not",
            "ask the operator, or delete it once the hold has ended",
        )
