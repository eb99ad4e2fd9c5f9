"""The lab's own certificate authority, by which clients that insist on TLS can trust a server here.

It is made when it is first needed and stays on this machine. Whoever trusts it trusts everybody who
can read its key, so name it to a test's client, and never to a system.
"""

import os
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_data_path

from lab_kit.core.errors import NotInstalled, StateUnusable

VARIABLE = "LAB_AUTHORITY"
"""Names the folder, instead of the one among the user's data."""
CERTIFICATE, KEY = "ca.pem", "ca.key"
NAMES = ("localhost", "127.0.0.1", "::1")
"""For which a server's certificate holds."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's certificate, with all up to the authority's, and its private key; both PEM."""

    chain: bytes
    key: bytes

    def context(self, protocols: tuple[str, ...], clients: bytes | None = None) -> ssl.SSLContext:
        """What a server needs to show it.

        Args:
            protocols: that may be spoken, as TLS names them; the first that a client offers is.
            clients: the authority, PEM, of which each client has to show a certificate; None for
                none.

        Raises:
            ValueError, OSError: it is none, or the key is another certificate's.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(list(protocols))
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the library reads files alone
            file.write(self.key + b"\n" + self.chain)
            file.flush()
            context.load_cert_chain(file.name)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.decode("ascii"))
        return context


def certificate_path() -> Path:
    """The authority's own certificate, which a client has to be given; made where there is none.

    Raises:
        NotInstalled: it takes a package that is not here.
        StateUnusable: its folder cannot be written.
    """
    return _folder() / CERTIFICATE


def new_identity(*names: str) -> Identity:
    """A certificate that nobody else has.

    Args:
        names: for which it holds: a client's; those of a server on this machine where none is.

    Raises:
        NotInstalled: it takes a package that is not here.
        StateUnusable: the authority cannot be read or made.
    """
    import trustme

    folder = _folder()
    try:
        authority = trustme.CA.from_pem(
            (folder / CERTIFICATE).read_bytes(), (folder / KEY).read_bytes()
        )
    except (OSError, ValueError) as error:
        raise _unusable(folder, error) from error
    issued = authority.issue_cert(*(names or NAMES))
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    return Identity(chain, issued.private_key_pem.bytes())


def _folder() -> Path:
    if find_spec("trustme") is None:
        raise NotInstalled.extra("TLS", "trustme", "tls")
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else user_data_path("lab_kit") / "authority"
    if not (folder / CERTIFICATE).exists():
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    """Write a new authority's files, all of them or none."""
    import trustme

    authority = trustme.CA(organization_name="lab_kit", organization_unit_name="tests only")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".authority-", dir=folder.parent))  # its owner's alone
        try:
            (made / KEY).write_bytes(authority.private_key_pem.bytes())
            (made / KEY).chmod(0o600)
            (made / CERTIFICATE).write_bytes(authority.cert_pem.bytes())
            made.rename(folder)
        except OSError:
            if not (folder / CERTIFICATE).exists():  # else another server was quicker
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: Exception) -> StateUnusable:
    return StateUnusable(
        f"the authority in {folder} ({error})",
        "a folder that this user can write, with the files that were made there",
        f"name another by {VARIABLE}, or remove this one",
    )
