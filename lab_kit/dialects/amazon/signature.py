"""Signatures of version 4: of a request's headers, of a signed address, and of each chunk of sound.

Who signs has an access key id, which is told, and a secret access key, which is not. Here both are
the server's one key. Where a server asks for no key, nobody knows the secret: then a signature's
form and its time are looked at, and not the signature.

The time is given, and nothing is compared in a time that depends on how much of it is right.

Source: Amazon Web Services (2025), IAM User Guide, "Create a signed AWS API request" and "Signature
Version 4 query string"; Amazon Transcribe Developer Guide, "Event stream encoding", for chunks. How
an empty body is hashed is as amazon-transcribe 0.6.4 and botocore 1.44 do it.
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, unquote

from lab_kit.core.clock import seconds_of, wall_clock_of
from lab_kit.core.errors import InvalidMessage, InvalidParameter, Unauthenticated
from lab_kit.core.shown import shown
from lab_kit.dialects.amazon.event_stream import Timestamp, encoded_headers

ALGORITHM, SERVICE, TERMINATOR = "AWS4-HMAC-SHA256", "transcribe", "aws4_request"
CHUNK_ALGORITHM = "AWS4-HMAC-SHA256-PAYLOAD"
MOST_SKEW_S = 300.0
"""Between two clocks."""
LONGEST_EXPIRES_S = 300
"""Of a signed address [Source: Developer Guide, "Setting up a WebSocket stream", X-Amz-Expires]."""
DATE, CHUNK_SIGNATURE = ":date", ":chunk-signature"
"""The headers of a signed chunk."""
_EMPTY_HASH = sha256(b"").hexdigest()
_DIGEST_BYTES = 32
_HEADER = re.compile(
    rf"{ALGORITHM} +Credential=(?P<credential>\S+), *SignedHeaders=(?P<headers>[^,\s]+),"
    r" *Signature=(?P<signature>[0-9a-f]{64})"
)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
Headers = Sequence[tuple[str, str]]
"""Of a request, in their order, with names in small letters."""


class InvalidSignature(Unauthenticated):
    """Who signed did not have the secret, or signed something else, or too long ago."""

    reason = "INVALID_SIGNATURE"


class InvalidChunk(InvalidMessage):
    """A chunk's signature does not fit it, or those before it."""

    reason = "INVALID_CHUNK"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is for."""

    key_id: str
    date: str
    region: str

    def text(self, date: str | None = None) -> str:
        """As it is signed; with another day for a chunk of that day."""
        return f"{date or self.date}/{self.region}/{SERVICE}/{TERMINATOR}"

    def signing_key(self, secret: str, date: str | None = None) -> bytes:
        """The key that a day's signatures in this region are made with."""
        key = f"AWS4{secret}".encode()
        for part in self.text(date).split("/"):
            key = _mac(key, part)
        return key


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and by whom as they say.

    Attributes:
        moment: ``YYYYMMDDTHHMMSSZ``.
        canonical: the request in the form that is signed.
        signature: 64 hexadecimal digits.
        expires_s: how long it holds after its moment; None for as long as clocks may differ.
    """

    scope: Scope
    moment: str
    canonical: str
    signature: str
    expires_s: int | None

    def check_time(self, now_s: float) -> None:
        """Make sure that it holds now, in seconds since 1970.

        Raises:
            InvalidSignature: it does not hold yet, or no more.
        """
        signed_s = float(_seconds(self.moment))
        until_s = signed_s + (MOST_SKEW_S if self.expires_s is None else self.expires_s)
        if not signed_s - MOST_SKEW_S <= now_s <= until_s:
            when = "is not yet current" if now_s < signed_s else "has expired"
            raise InvalidSignature(
                f"a signature of {self.moment}, which {when}",
                f"one that holds at {_moment(now_s)}",
                "sign the request again, with a clock that is right",
            )

    def check(self, secret: str) -> None:
        """Make sure that it was signed with that secret.

        Raises:
            InvalidSignature: it was not.
        """
        expected = _signature(self.scope, self.moment, self.canonical, secret)
        if not hmac.compare_digest(expected, self.signature):
            raise InvalidSignature(
                "a signature that does not fit the request",
                "one made with the secret access key over the request as it was sent",
                "check the key and the signing method: id and secret are both the server's key",
            )


class ChunkSignatures:
    """The signatures of one stream's chunks, each of which signs the one before it.

    Args:
        signed: the request.
        secret: None where nobody knows it, and no signature can be checked.
    """

    def __init__(self, signed: Signed, secret: str | None) -> None:
        self._scope = signed.scope
        self._secret = secret
        self._before = signed.signature

    def check(self, headers: Mapping[str, object], payload: bytes, now_s: float) -> None:
        """Make sure that the next chunk is what its sender signed, and not long ago.

        Raises:
            InvalidChunk: it is not.
        """
        date, signature = headers.get(DATE), headers.get(CHUNK_SIGNATURE)
        if not isinstance(date, Timestamp) or not isinstance(signature, bytes):
            raise _foreign_chunk(f"a signed chunk without {DATE} and {CHUNK_SIGNATURE}")
        if len(signature) != _DIGEST_BYTES or set(headers) != {DATE, CHUNK_SIGNATURE}:
            raise _foreign_chunk("a chunk's signature that is none, or headers beside it")
        signed_s = date.since_1970_ms / 1e3
        if abs(now_s - signed_s) > MOST_SKEW_S:
            raise _foreign_chunk(f"a chunk that was signed {now_s - signed_s:,.0f} s ago")
        if self._secret is not None:
            moment = _moment(signed_s)
            day = moment[:8]
            dated = sha256(encoded_headers({DATE: date})).hexdigest()
            parts = (CHUNK_ALGORITHM, moment, self._scope.text(day), self._before, dated)
            text = "\n".join((*parts, sha256(payload).hexdigest()))
            expected = _mac(self._scope.signing_key(self._secret, day), text)
            if not hmac.compare_digest(expected, signature):
                raise _foreign_chunk("a chunk whose signature does not fit")
        self._before = signature.hex()


def key_id_in_headers(headers: Headers) -> str:
    """The access key id that a request's headers tell; empty if they tell none."""
    found = _HEADER.fullmatch(_joined(headers, "authorization").strip())
    return "" if found is None else _key_id(found["credential"])


def key_id_in_query(query: Mapping[str, str]) -> str:
    """The access key id that an address tells; empty if it tells none."""
    return _key_id(query.get("X-Amz-Credential", ""))


def signed_query(
    path: str, query: Mapping[str, str], host: str, region: str, secret: str, now_s: float
) -> dict[str, str]:
    """The query of an address that `signed_by_query` finds right; id and secret are the same.

    Args:
        host: with its port.
        now_s: when it is signed, since 1970.
    """
    moment = _moment(now_s)
    scope = Scope(secret, moment[:8], region)
    told = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{secret}/{scope.text()}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(LONGEST_EXPIRES_S),
        "X-Amz-SignedHeaders": "host",
    }
    canonical = _canonical("GET", path, told.items(), [("host", host)], ["host"], _EMPTY_HASH)
    return {**told, "X-Amz-Signature": _signature(scope, moment, canonical, secret)}


def signed_by_headers(method: str, path: str, query: bytes, headers: Headers) -> Signed:
    """What the headers of a request sign.

    Args:
        path: as it was sent.

    Raises:
        InvalidSignature: they have no such signature.
    """
    found = _HEADER.fullmatch(_joined(headers, "authorization").strip())
    if found is None:
        raise _unsigned("no signature of version 4 in the header authorization")
    names = found["headers"].split(";")
    moment = _joined(headers, "x-amz-date")
    body_hash = _joined(headers, "x-amz-content-sha256") or _EMPTY_HASH
    pairs = _pairs(query)
    canonical = _canonical(method, path, pairs, headers, names, body_hash)
    scope = _scope(found["credential"], moment)
    return Signed(scope, moment, canonical, found["signature"], None)


def signed_by_query(path: str, query: bytes, headers: Headers) -> Signed:
    """What a signed address signs; its request is a GET.

    Raises:
        InvalidSignature: it has no such signature.
        InvalidParameter: it would hold for too long.
    """
    pairs = _pairs(query)
    told = dict(pairs)
    if len(told) < len(pairs):
        raise _unsigned("an address that has a name twice")
    if told.get("X-Amz-Algorithm") != ALGORITHM:
        raise _unsigned(f"no X-Amz-Algorithm={ALGORITHM} in the address")
    moment, signature = told.get("X-Amz-Date", ""), told.get("X-Amz-Signature", "")
    if not _SIGNATURE.fullmatch(signature):
        raise _unsigned("no X-Amz-Signature of 64 hexadecimal digits in the address")
    unsigned = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    names = told.get("X-Amz-SignedHeaders", "").split(";")
    body_hash = told.get("X-Amz-Content-Sha256", _EMPTY_HASH)
    canonical = _canonical("GET", path, unsigned, headers, names, body_hash)
    scope = _scope(told.get("X-Amz-Credential", ""), moment)
    return Signed(scope, moment, canonical, signature, _expires_s(told.get("X-Amz-Expires", "")))


def _expires_s(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not 0 < int(text) <= LONGEST_EXPIRES_S:
        raise InvalidParameter(
            f"X-Amz-Expires={shown(text)}",
            f"1 to {LONGEST_EXPIRES_S} seconds",
            f"sign an address that holds for {LONGEST_EXPIRES_S} s at most",
        )
    return int(text)


def _scope(credential: str, moment: str) -> Scope:
    parts = credential.rsplit("/", 4)  # a key may hold strokes
    if len(parts) != 5 or parts[3:] != [SERVICE, TERMINATOR] or not all(parts):
        raise _unsigned(f"a credential that is not ID/YYYYMMDD/REGION/{SERVICE}/{TERMINATOR}")
    key_id, date, region = parts[:3]
    _seconds(moment)
    if moment[:8] != date:
        raise _unsigned(f"a credential of {shown(date)} and a date of {shown(moment)}")
    return Scope(key_id, date, region)


def _key_id(credential: str) -> str:
    return credential.rsplit("/", 4)[0]


def _seconds(moment: str) -> int:
    """Since 1970."""
    try:
        parts = _MOMENT.fullmatch(moment)
        if parts is None:
            raise ValueError(moment)
        return seconds_of("{}-{}-{}T{}:{}:{}Z".format(*parts.groups()))
    except ValueError as error:
        raise _unsigned(f"X-Amz-Date={shown(moment)}, which is none") from error


def _moment(since_1970_s: float) -> str:
    iso = wall_clock_of(int(1_000 * since_1970_s))
    return "".join(digit for digit in iso.partition(".")[0] if digit not in "-:") + "Z"


def _canonical(
    method: str,
    path: str,
    pairs: Iterable[tuple[str, str]],
    headers: Headers,
    names: Sequence[str],
    body_hash: str,
) -> str:
    """The request in the one form that both sides sign."""
    if "host" not in names or list(names) != sorted(set(names)):
        raise _unsigned("signed headers without host, or not in order")
    held = {name for name, _ in headers}
    if missing := [name for name in names if name not in held]:
        raise _unsigned(f"the header {shown(missing[0])}, which was signed and is not there,")
    query = "&".join(f"{name}={value}" for name, value in sorted(_quoted(pairs)))
    lines = [f"{name}:{_joined(headers, name)}\n" for name in names]
    parts = (method, path, query, "".join(lines), ";".join(names))
    return "\n".join((*parts, body_hash))


def _joined(headers: Headers, name: str) -> str:
    """The value of a header, of several in their order, with single spaces."""
    return ",".join(" ".join(value.split()) for held, value in headers if held == name)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values of an address; a plus sign is one, and no space."""
    parts = (part.partition("=") for part in query.decode("latin-1").split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _quoted(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs]


def _signature(scope: Scope, moment: str, canonical: str, secret: str) -> str:
    """Of a request in its canonical form."""
    hashed = sha256(canonical.encode("latin-1", "replace")).hexdigest()
    text = "\n".join((ALGORITHM, moment, scope.text(), hashed))
    return _mac(scope.signing_key(secret), text).hex()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("latin-1", "replace"), "sha256")


def _unsigned(what: str) -> InvalidSignature:
    return InvalidSignature(
        what,
        f"a signature of {ALGORITHM} for the service {SERVICE}",
        "sign the request as the provider's SDK does",
    )


def _foreign_chunk(what: str) -> InvalidChunk:
    return InvalidChunk(
        what, "each chunk signed after the one before it", "sign chunks in order, as they are sent"
    )
