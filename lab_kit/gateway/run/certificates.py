"""What a server shows its clients on the ports with TLS, and what it wants to see of them.

Certificates are renewed every few weeks by whoever gives them out, and a server that has to be
restarted for that drops its streams. So the files are looked at again and again; who connects after
they have changed is shown the new certificate, and what is open goes on with the old one.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.errors import InvalidParameter
from lab_kit.gateway.run.authority import Identity, certificate_path, new_identity

OWN = "own"
"""Names the lab's own authority, where a file could be named."""
LOOK_S = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where they are, all PEM.

    Attributes:
        chain, key: the server's own; None for a certificate of the lab's authority.
        clients: the authority of which each client has to show a certificate, or `OWN`; None where
            they need none.
    """

    chain: Path | None = None
    key: Path | None = None
    clients: str | None = None

    def check(self) -> None:
        """
        Raises:
            InvalidParameter: a certificate without its key, or a key without its certificate.
        """
        if (self.chain is None) != (self.key is None):
            raise InvalidParameter(
                "--tls-certificate or --tls-key alone", "both, or neither", "name both files"
            )


class Certificates:
    """What the files say, as it was when they were last read without fault.

    Args:
        protocols: that may be spoken over HTTP, as TLS names them.

    Raises:
        InvalidParameter: a file cannot be read, or what is in it cannot be used.
        NotInstalled, StateUnusable: see `new_identity`.

    Attributes:
        identity: the server's own.
        clients: the authority of clients; None where they need no certificate.
        context: for HTTP.
    """

    def __init__(self, files: CertificateFiles, protocols: tuple[str, ...]) -> None:
        self._files = files
        self._protocols = protocols
        self._own = new_identity() if files.chain is None else None
        self._read = self._contents()
        self.identity, self.clients = self._identity(), self._clients()
        self.context = self._context()

    def look(self) -> None:
        """Read the files again, and use what is new in them; a fault leaves everything as it is."""
        try:
            found = self._contents()
            if found == self._read:
                return
            before = self._read
            self._read = found
            try:
                context = self._context()
            except InvalidParameter:
                self._read = before
                raise
        except InvalidParameter as error:
            _log.error("certificates stay as they were: %s", error)
            return
        self.identity, self.clients, self.context = self._identity(), self._clients(), context
        _log.info("new certificates are in use")

    def _contents(self) -> tuple[bytes, ...]:
        paths = [self._files.chain, self._files.key]
        if self._files.clients is not None:
            own = self._files.clients == OWN
            paths.append(certificate_path() if own else Path(self._files.clients))
        try:
            return tuple(b"" if path is None else path.read_bytes() for path in paths)
        except OSError as error:
            raise InvalidParameter(
                f"a certificate that cannot be read ({error})", "a file in PEM", "name another"
            ) from error

    def _identity(self) -> Identity:
        return self._own or Identity(self._read[0], self._read[1])

    def _clients(self) -> bytes | None:
        return self._read[2] if len(self._read) > 2 else None

    def _context(self) -> ssl.SSLContext:
        try:
            return self._identity().context(self._protocols, self._clients())
        except (OSError, ValueError) as error:  # of which TLS' own errors are a kind
            raise InvalidParameter(
                f"certificates that cannot be used ({error})",
                "a certificate and its key, and an authority, in PEM",
                "check the files",
            ) from error
