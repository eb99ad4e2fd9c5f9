"""Checkpoints in their public format, read as the format says."""

from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lab_kit.core.errors import InvalidParameter
from lab_kit.governance.checkpoint import SEED_BYTES, Signer

SEED = bytes(range(SEED_BYTES))


def test_a_checkpoint_has_the_public_format() -> None:
    """[Source: C2SP, tlog-checkpoint: origin, size, root; an empty line; a signature line.]"""
    signer = Signer("logs/one", SEED)
    text = signer.checkpoint(12, sha256(b"root").digest())
    origin, size, root, empty, signature, rest = text.split("\n")
    assert (origin, size, empty, rest) == ("logs/one", "12", "", "")
    assert b64decode(root) == sha256(b"root").digest()
    dash, name, told = signature.split(" ")
    assert (dash, name) == ("\u2014", "logs/one")
    key = Ed25519PublicKey.from_public_bytes(b64decode(signer.verifier_key.split("+", 2)[2])[1:])
    key.verify(b64decode(told)[4:], f"{origin}\n{size}\n{root}\n".encode())
    with pytest.raises(InvalidSignature):
        key.verify(b64decode(told)[4:], f"{origin}\n{size}\n{root}\n\n".encode())


def test_the_key_and_the_signature_name_the_same_id() -> None:
    signer = Signer("logs/one", SEED)
    name, key_id, told = signer.verifier_key.split("+", 2)
    key = b64decode(told)
    assert (name, key[0], len(key)) == ("logs/one", 1, 33)
    assert sha256(b"logs/one\n" + key).digest()[:4].hex() == key_id
    signature = b64decode(signer.signed("text\n").split(" ")[-1])
    assert signature[:4].hex() == key_id


def test_one_seed_has_another_key_for_another_log() -> None:
    keys = {Signer(name, SEED).verifier_key for name in ("logs/one", "logs/two")}
    assert len({key.split("+")[1] for key in keys}) == 2


def test_a_seed_is_not_told_where_a_signer_is_printed() -> None:
    assert SEED.hex() not in repr(Signer("logs/one", SEED))
    assert repr(SEED) not in repr(Signer("logs/one", SEED))


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "a+b"])
def test_a_name_that_breaks_the_lines_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="log named"):
        Signer(name, SEED)


def test_a_text_that_does_not_end_its_line_is_not_signed() -> None:
    with pytest.raises(InvalidParameter, match="line break"):
        Signer("logs/one", SEED).signed("text")
