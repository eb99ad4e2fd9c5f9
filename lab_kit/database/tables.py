"""Tables in one database, brought to the form that this version knows, and changed by whole
transactions.

It needs neither a server nor an event loop: one thread at a time opens it and works in it.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lab_kit.core.errors import StateUnusable
from lab_kit.database.rows import Rows, Statements, Store
from lab_kit.database.sealing import Sealer, new_root

Step = str | Callable[[Rows], None]
"""Of a form: a statement, or what does more than SQL can."""
_T = TypeVar("_T")


class Tables:
    """The tables; the database is opened when it is first used.

    Args:
        store: the database, owned.
        forms: the steps that make the first form of the tables, those that make the second of it,
            and so on.
        root: gives what wraps subjects' keys; by default one that nobody keeps.
    """

    def __init__(
        self,
        store: Store,
        forms: Sequence[Sequence[Step]],
        root: Callable[[], bytes] = new_root,
    ) -> None:
        self._store = store
        self._forms = forms
        self._sealer = Sealer(root)

    def transact(self, work: Callable[[Rows], _T]) -> _T:
        """Do ``work`` in a transaction of its own: all of it is kept, or where it raises, nothing.

        Raises:
            StateUnusable: the database cannot be used, or the disk is full.
            Exception: whatever ``work`` raises.
        """
        store = self._store
        try:
            statements = self._open()
            store.begin()
        except store.errors as error:
            raise store.unusable(error) from error
        try:
            found = work(Rows(statements, self._sealer))
            store.commit()
        except BaseException as error:
            self._undo()
            if isinstance(error, Exception) and store.is_unusable(error):
                raise store.unusable(error) from error
            raise
        return found

    def empty_journal(self) -> None:
        """What was deleted is gone from the journal, where that is in this process's hands.

        Raises:
            StateUnusable: the database cannot be used.
        """
        self._tell(self._store.empty_journal)

    def rewrite(self, table: str) -> None:
        """What was deleted of a small table is gone from its file.

        Raises:
            StateUnusable: the database cannot be used.
        """
        self._tell(lambda: self._store.rewrite(table))

    def close(self) -> None:
        """Disconnect; it is opened again when it is used."""
        self._store.close()

    def _tell(self, work: Callable[[], None]) -> None:
        try:
            self._open()
            work()
        except self._store.errors as error:
            raise self._store.unusable(error) from error

    def _undo(self) -> None:
        try:
            self._store.roll_back()
        except self._store.errors:
            self._store.close()  # nothing can be said to it any more; the next one connects again

    def _open(self) -> Statements:
        """Where statements go, once it is open and has the last form."""
        statements = self._store.statements
        if statements is not None:
            return statements
        statements = self._store.connect()
        try:
            self._bring_forward(Rows(statements, self._sealer))
        except BaseException:
            self._store.close()
            raise
        return statements

    def _bring_forward(self, rows: Rows) -> None:
        """Make every form that is missing of the one before it, each whole or not at all."""
        form = self._store.form()
        if form > len(self._forms):
            raise StateUnusable(
                f"{self._store.where}, whose form is {form}",
                f"form {len(self._forms)}, as this version of the lab writes it, or an earlier one",
                "start a later version, or this one with another --state folder",
            )
        for number, steps in enumerate(self._forms[form:], start=form + 1):
            self._store.begin()
            try:
                if self._store.form() < number:  # else another process has made it meanwhile
                    self._take(rows, steps)
                    self._store.note_form(number)
                self._store.commit()
            except BaseException:
                self._undo()
                raise

    def _take(self, rows: Rows, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, str):
                rows.execute(step)
            else:
                step(rows)
