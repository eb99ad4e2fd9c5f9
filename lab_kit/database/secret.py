"""A secret that is kept apart from what it protects: in a variable, or among the user's data."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from lab_kit.core.errors import InvalidParameter, StateUnusable


@dataclass(frozen=True, slots=True)
class Secret:
    """Where one is.

    Attributes:
        what: it is, as a phrase.
        variable: of the environment, which is asked first.
        file: its name among the user's data, made when it is first needed.
        length_bytes: written as twice as many hexadecimal digits.
        warning: what another one in its place would mean.
    """

    what: str
    variable: str
    file: str
    length_bytes: int
    warning: str

    def of(self, environ: Mapping[str, str]) -> bytes:
        """The secret.

        Raises:
            InvalidParameter: the variable is set to something else.
            StateUnusable: the file cannot be read or made.
        """
        told = environ.get(self.variable)
        if told:
            return self._read(told, self.variable)
        path = user_data_path("lab_kit") / self.file
        try:
            return self._read(self._kept(path), str(path))
        except OSError as error:
            raise StateUnusable(
                f"{path}: {error}",
                f"a file that holds {self.what}",
                f"make it readable, or set {self.variable}",
            ) from error

    def _kept(self, path: Path) -> str:
        """What the file holds; of two that make it at once the first one's is kept."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            self._make(path)
        return path.read_text("ascii").strip()

    def _make(self, path: Path) -> None:
        # nobody else may read it, from its first moment on; and it gets its name when it is whole
        descriptor, unnamed = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(self.length_bytes))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(unnamed, path)
        os.unlink(unnamed)

    def _read(self, text: str, where: str) -> bytes:
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = b""
        if len(found) != self.length_bytes:
            raise InvalidParameter(
                f"{self.what} in {where}, not as {2 * self.length_bytes} hexadecimal digits",
                f"what openssl rand -hex {self.length_bytes} prints",
                f"put that there; {self.warning}",
            )
        return found
