"""Signed checkpoints: how many records a log has, and their root, vouched for by its key.

The formats are public ones, so that others' tools can read them: a text, a blank line, and a line
for each signature. The key's name is the log's, so that one log cannot be passed off as another
that the same server signed. Ed25519 signs one text in one way, so whoever has the key compares
instead of verifying.

Source: C2SP, signed-note and tlog-checkpoint, 2024.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab_kit.core.errors import InvalidParameter

SEED_BYTES = 32
_ED25519 = b"\x01"
"""The kind of signature."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one log.

    Args:
        name: the log's: its origin.
        seed: `SEED_BYTES` that nobody else has.

    Raises:
        InvalidParameter: a name that would not fit into a line.
    """

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.name or any(one.isspace() or one == "+" for one in self.name):
            raise InvalidParameter(
                f"a log named {self.name[:80]!r}", "a word without + and spaces", "name it so"
            )

    @property
    def verifier_key(self) -> str:
        """What whoever checks the signatures has to be given; no secret."""
        told = b64encode(_ED25519 + self._public).decode()
        return f"{self.name}+{self._key_id.hex()}+{told}"

    def signed(self, text: str) -> str:
        """The text as a signed note.

        Raises:
            InvalidParameter: it does not end with its last line.
        """
        if not text.endswith("\n"):
            raise InvalidParameter(
                f"a note that ends with {text[-1:]!r}", "a line break", "end its last line"
            )
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return f"{text}\n\N{EM DASH} {self.name} {b64encode(self._key_id + signature).decode()}\n"

    def checkpoint(self, size: int, root: bytes) -> str:
        """A signed checkpoint: the log has so many records, and this root."""
        return self.signed(f"{self.name}\n{size}\n{b64encode(root).decode()}\n")

    @property
    def _public(self) -> bytes:
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def _key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self._public).digest()[:4]
