"""Which labs serve which reader, and how far this one has come."""

from dataclasses import replace

from lab_kit.core.table import Table
from lab_kit.course.catalog import ROLES, Role, find_lab, find_role
from lab_kit.course.progress import load, state


def path(role: str | None = None) -> Table:
    """A role's labs in order with their state.

    Args:
        role: its key; None for the one the reader chose, or all roles if none was.

    Raises:
        InvalidParameter: there is no such role.
    """
    known = load()
    key = role or known.role
    told = _steps(find_role(key)) if key else _roles()
    return replace(told, notes=[*told.notes, known.note]) if known.note else told


def _roles() -> Table:
    rows = [(role.key, role.name, " ".join(role.path)) for role in ROLES]
    note = "One of them in detail: lab path ROLE"
    return Table("role", ("role", "who", "labs"), rows, ["", note], left=3)


def _steps(role: Role) -> Table:
    known = load()
    labs = [find_lab(number) for number in role.path]
    rows = [(lab.number, lab.title, state(lab, known), f"{lab.minutes}") for lab in labs]
    total_minutes = sum(lab.minutes for lab in labs)
    rows.append(("", "in all", "", f"{total_minutes:,}"))
    return Table("lab", ("lab", role.name, "state", "minutes"), rows, left=3)
