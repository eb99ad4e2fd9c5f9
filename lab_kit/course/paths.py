"""Which labs serve which reader, and how far this one has come."""

from lab_kit.course.catalog import ROLES, Role, find_lab, find_role
from lab_kit.course.progress import load, state


def path(role: str | None = None) -> str:
    """A role's labs in order with their state, as a text table.

    Args:
        role: its key; None for the one the reader chose, or all roles if none was.

    Raises:
        InvalidParameter: there is no such role.
    """
    known = load()
    key = role or known.role
    text = _steps(find_role(key)) if key else _roles()
    return f"{known.note}\n\n{text}" if known.note else text


def _roles() -> str:
    lines = [f"{role.key:9} {role.name}\n{'':9} {' '.join(role.path)}" for role in ROLES]
    return "\n".join([*lines, "", "One of them in detail: lab path ROLE"])


def _steps(role: Role) -> str:
    known = load()
    labs = [find_lab(number) for number in role.path]
    lines = [
        f"{lab.number}  {lab.title:40} {lab.minutes:>4} min  {state(lab, known)}" for lab in labs
    ]
    total_minutes = sum(lab.minutes for lab in labs)
    return "\n".join([role.name, *lines, f"    {'in all':40} {total_minutes:>4} min"])
