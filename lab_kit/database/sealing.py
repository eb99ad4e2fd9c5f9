"""Encryption of what is kept of a person, so that it can be erased wherever copies of it are.

Everything of one subject is sealed with a key of its own, and that key is kept wrapped by one that
is not in the folder. Whoever destroys the wrapped key has destroyed all that was sealed with it,
copies and back-ups included; but for back-ups of the wrapped key itself.

Source: RFC 3394 (wrapping); NIST SP 800-38D (AES-GCM, with random nonces); Hoang et al., 2015
(STREAM: sound in pieces that cannot be moved, left out or cut off).
"""

import io
import os
import secrets
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from lab_kit.core.errors import InvalidAudioFormat, StateUnusable
from lab_kit.database.secret import Secret

KEY_BYTES = 32
ROOT_VARIABLE = "LAB_SUBJECT_KEY"
ROOT_KEY = Secret(
    "the key that wraps subjects' keys",
    ROOT_VARIABLE,
    "subject-key",
    KEY_BYTES,
    "what was sealed with another one cannot be read with it",
)
PIECE_BYTES = 65_536
"""Of sound, sealed at a time: what is read to get at any of it."""
SALT_BYTES, TAG_BYTES, NONCE_BYTES = 16, 16, 12
_WHOLE, _LAST = b"\x00", b"\x01"
_V = TypeVar("_V", str, bytes)


def new_root() -> bytes:
    """A root key for what goes with the server."""
    return secrets.token_bytes(KEY_BYTES)


class Sealer:
    """Seals and opens texts and bytes, each with the wrapped key of its subject.

    The context is what a value is of; a value that was moved elsewhere does not open.

    Args:
        root: gives what wraps the keys, when it is first needed.
    """

    def __init__(self, root: Callable[[], bytes]) -> None:
        self._root = cache(root)

    def new_key(self) -> bytes:
        """A subject's key, wrapped."""
        return aes_key_wrap(self._root(), secrets.token_bytes(KEY_BYTES))

    def key_of(self, wrapped: bytes) -> bytes:
        """The key itself.

        Raises:
            StateUnusable: another root key wrapped it.
        """
        try:
            return aes_key_unwrap(self._root(), wrapped)
        except InvalidUnwrap as error:
            raise StateUnusable(
                f"subjects' keys that the key in {ROOT_VARIABLE} did not wrap",
                "the key that the folder was used with before",
                f"set {ROOT_VARIABLE} to it, or start the server with another --state folder",
            ) from error

    def seal(self, wrapped: bytes, context: str, value: _V) -> _V:
        """A value, sealed; a text becomes hexadecimal digits.

        Raises:
            StateUnusable: see `key_of`.
        """
        key = self.key_of(wrapped)
        if isinstance(value, bytes):
            return _seal(key, context, value)
        return _seal(key, context, value.encode()).hex()

    def open(self, wrapped: bytes | None, context: str, value: _V) -> _V:
        """What was sealed.

        Raises:
            StateUnusable: its key is gone, or see `key_of`; or it was changed, or moved.
        """
        if wrapped is None:
            raise _not_as_sealed(context)
        key = self.key_of(wrapped)
        try:
            if isinstance(value, bytes):
                return _open(key, context, value)
            return _open(key, context, bytes.fromhex(value)).decode()
        except InvalidTag as error:
            raise _not_as_sealed(context) from error


def _not_as_sealed(context: str) -> StateUnusable:
    return StateUnusable(
        f"{context.partition(' ')[0]} in the database, which its subject's key does not open",
        "one that the server wrote there itself",
        "see who else writes to the database, or start the server with another --state folder",
    )


def _seal(key: bytes, context: str, value: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, context.encode())


def _open(key: bytes, context: str, value: bytes) -> bytes:
    nonce, rest = value[:NONCE_BYTES], value[NONCE_BYTES:]
    return AESGCM(key).decrypt(nonce, rest, context.encode())


# -- sound, in pieces --------------------------------------------------------------------------


class PieceSealer:
    """Seals a file's pieces in order; gives what is to be written.

    Each file has a key of its own, made of its subject's and of a salt at its head: the number of a
    piece is its nonce, and is not used twice with one key.
    """

    def __init__(self, subject_key: bytes) -> None:
        self.head = secrets.token_bytes(SALT_BYTES)
        self._cipher = _cipher(subject_key, self.head)
        self._waiting = bytearray()
        self._count = 0

    def push(self, data: bytes) -> bytes:
        """What can be written once ``data`` has come; the last piece is held back, until `flush`
        says that it is the last."""
        self._waiting += data
        written = bytearray()
        while len(self._waiting) > PIECE_BYTES:
            piece = bytes(self._waiting[:PIECE_BYTES])
            del self._waiting[:PIECE_BYTES]
            written += self._sealed(piece, _WHOLE)
        return bytes(written)

    def flush(self) -> bytes:
        """The last piece."""
        last = bytes(self._waiting)
        self._waiting.clear()
        return self._sealed(last, _LAST)

    def _sealed(self, piece: bytes, kind: bytes) -> bytes:
        nonce = _nonce(self._count, kind)
        self._count += 1
        return self._cipher.encrypt(nonce, piece, None)


class SealedFile(io.RawIOBase):
    """A sealed file, read as what was sealed.

    Args:
        file: owned: it is closed with this.
    """

    def __init__(self, file: io.BufferedReader, subject_key: bytes) -> None:
        self._file = file
        self._cipher = _cipher(subject_key, file.read(SALT_BYTES))
        whole_bytes = os.fstat(file.fileno()).st_size - SALT_BYTES
        self._pieces = max(1, -(-whole_bytes // (PIECE_BYTES + TAG_BYTES)))
        self.size_bytes = whole_bytes - self._pieces * TAG_BYTES
        self._at = 0
        self._number, self._piece = -1, b""

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size_bytes}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`.

        Raises:
            InvalidAudioFormat: the file was damaged, or sealed with another key.
        """
        if self._at >= self.size_bytes:
            return 0
        number, start = divmod(self._at, PIECE_BYTES)
        if number != self._number:
            self._number, self._piece = number, self._opened(number)
        data = self._piece[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """See `io.RawIOBase`."""
        self._file.close()
        super().close()

    def _opened(self, number: int) -> bytes:
        self._file.seek(SALT_BYTES + number * (PIECE_BYTES + TAG_BYTES))
        sealed = self._file.read(PIECE_BYTES + TAG_BYTES)
        kind = _LAST if number == self._pieces - 1 else _WHOLE
        try:
            return self._cipher.decrypt(_nonce(number, kind), sealed, None)
        except InvalidTag as error:
            raise InvalidAudioFormat(
                "a kept recording that was changed, or whose key is another",
                "as it was received",
                "send it again",
            ) from error


def _cipher(subject_key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"lab_kit recording").derive(subject_key))


def _nonce(number: int, kind: bytes) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1) + kind
