"""An audit log that a test made, signed with a key of its own."""

from base64 import b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab_kit.experiments.proof import Log, Record, chained, line_of
from lab_kit.experiments.proof.forging import signed_note

SEED = bytes(range(32))
NAME = "example/audit/made"


def verifier_key(name: str = NAME) -> str:
    """The key that the test's log is checked with."""
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    key = b"\x01" + public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = sha256(name.encode() + b"\n" + key).digest()[:4].hex()
    return f"{name}+{key_id}+{b64encode(key).decode()}"


def record(action: str, **told: object) -> Record:
    """A record before it has its place."""
    blank = dict.fromkeys(("tenant", "key_id", "request_id", "stream_id"))
    return {"action": action, "time": "2026-01-31T00:00:00.000Z", "about": {}, **blank, **told}


def log_of(records: list[Record], *signed: int) -> Log:
    """A log with checkpoints after so many records each, and after all of them."""
    whole = Log(verifier_key(), tuple(map(line_of, chained(records))), ())
    notes = [
        signed_note(Log(whole.key, whole.lines[:size], ()), SEED)
        for size in (*signed, len(records))
    ]
    return Log(whole.key, whole.lines, tuple(notes))


def usual_log(count: int = 13, *signed: int) -> Log:
    """Calls of two tenants."""
    calls = [record("call.admitted", tenant=f"tenant-{n % 2}") for n in range(count)]
    return log_of(calls, *signed)
