"""Tables that were made by an earlier version, brought to the form that this one knows."""

from collections.abc import Sequence
from typing import Protocol

from lab_kit.core.errors import StateUnusable
from lab_kit.gateway.state.rows import Rows


class HasForm(Protocol):
    """A database that knows which form its tables have."""

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """End it, kept."""
        ...

    def roll_back(self) -> None:
        """End it, undone."""
        ...

    def note_form(self, number: int) -> None:
        """The tables have that form from now on; in the transaction that is open."""
        ...


def bring_forward(
    store: HasForm, rows: Rows, form: int, forms: Sequence[Sequence[str]], where: str
) -> None:
    """Make every form from ``form`` on of the one before it, each whole or not at all.

    Raises:
        StateUnusable: the tables have a later form.
    """
    if form > len(forms):
        raise StateUnusable(
            f"{where}, whose form is {form}",
            f"form {len(forms)}, as this version of the lab writes it, or an earlier one",
            "start a later version, or this one with another --state folder",
        )
    for number, statements in enumerate(forms[form:], start=form + 1):
        store.begin()
        try:
            for statement in statements:
                rows.execute(statement)
            store.note_form(number)
            store.commit()
        except BaseException:
            store.roll_back()
            raise
