"""Signatures against those of botocore and of the provider's SDK: right ones, and one bit wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from amazon_calls import ASKED, REGION, signed_address, signed_headers
from amazon_transcribe.auth import Credentials, StaticCredentialResolver
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.eventstream import EventSigner
from amazon_transcribe.model import StartStreamTranscriptionRequest
from amazon_transcribe.serialize import TranscribeStreamingSerializer
from amazon_transcribe.signer import SigV4RequestSigner

from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.amazon.event_stream import Timestamp
from lab_kit.dialects.amazon.options import HTTP_PATH, SOCKET_PATH
from lab_kit.dialects.amazon.signature import (
    ChunkSignatures,
    InvalidChunk,
    InvalidSignature,
    Signed,
    key_id_in_headers,
    key_id_in_query,
    signed_by_headers,
    signed_by_query,
    signed_query,
)

KEY, HOST = "a/key+with=all,of~it", "localhost:8443"
NOW = datetime(2026, 2, 28, 23, 58, tzinfo=UTC)
NOW_S = NOW.timestamp()


def by_headers(headers: dict[str, str], path: str = HTTP_PATH, query: bytes = b"") -> Signed:
    return signed_by_headers("POST", path, query, list(headers.items()))


def by_address(address: str, host: str = HOST) -> Signed:
    parts = urlsplit(address)
    return signed_by_query(parts.path, parts.query.encode(), [("host", host)])


def is_let_in(read: Callable[[], Signed]) -> bool:
    """Whether a server with the key ``id`` lets a call in: it is the secret and the only id."""
    try:
        signed = read()
        signed.check("id")
    except (InvalidSignature, InvalidParameter):
        return False
    return signed.scope.key_id == "id"


# -- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "a+session/token=="])
def test_what_botocore_signs_is_right(token: str | None) -> None:
    headers = signed_headers(KEY, HOST, at=NOW, token=token)
    assert key_id_in_headers(list(headers.items())) == KEY
    signed = by_headers(headers)
    assert signed.scope.region == REGION
    signed.check_time(NOW_S)
    signed.check(KEY)


def test_a_query_is_signed_too() -> None:
    path = f"{HTTP_PATH}?redact=true&b=%C3%A9&a=1%202"
    signed = by_headers(
        signed_headers(KEY, HOST, at=NOW, path=path), query=b"redact=true&b=%C3%A9&a=1%202"
    )
    signed.check(KEY)
    with pytest.raises(InvalidSignature, match="does not fit"):
        by_headers(signed_headers(KEY, HOST, at=NOW, path=path), query=b"redact=false").check(KEY)


async def test_what_the_sdk_signs_is_right() -> None:
    asked = StartStreamTranscriptionRequest("en-US", 16_000, "pcm", session_id="a  b")
    endpoint = await StaticEndpointResolver(f"https://{HOST}").resolve(REGION)
    request = TranscribeStreamingSerializer().serialize_start_stream_transcription_request(
        endpoint, asked
    )
    signer = SigV4RequestSigner("transcribe", REGION)
    done = signer.sign(request.prepare(), Credentials("id", "secret"))
    headers = {name.lower(): value for name, value in done.headers.as_list()}
    signed = by_headers(headers)
    signed.check_time(datetime.now(UTC).timestamp())
    signed.check("secret")
    with pytest.raises(InvalidSignature):
        signed.check("Secret")


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amzn-transcribe-sample-rate"])
def test_whatever_of_a_signed_header_changes_is_refused(name: str) -> None:
    headers = signed_headers(KEY, HOST, at=NOW)
    for place in range(len(headers[name])):
        changed = headers[name][:place] + chr(ord(headers[name][place]) ^ 1)
        changed += headers[name][place + 1 :]
        with pytest.raises(InvalidSignature):
            by_headers({**headers, name: changed}).check(KEY)


def test_one_wrong_bit_of_what_says_who_signed_is_refused() -> None:
    headers = signed_headers("id", HOST, at=NOW)
    told = headers["authorization"]
    for place in range(len(told)):
        for bit in range(7):
            letter = chr(ord(told[place]) ^ 1 << bit)
            if told[place] == " " or letter in " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f":
                continue  # spaces are told apart by nobody
            changed = {**headers, "authorization": told[:place] + letter + told[place + 1 :]}
            assert not is_let_in(lambda: by_headers(changed))  # noqa: B023


def test_a_header_that_was_signed_has_to_be_there() -> None:
    headers = signed_headers(KEY, HOST, at=NOW)
    del headers["x-amzn-transcribe-language-code"]
    with pytest.raises(InvalidSignature, match="language-code'"):
        by_headers(headers)


def test_the_host_has_to_be_signed() -> None:
    headers = signed_headers(KEY, HOST, at=NOW)
    headers["authorization"] = headers["authorization"].replace("host;", "")
    with pytest.raises(InvalidSignature, match="without host"):
        by_headers(headers)


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Token KEY", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=, Signature=0"),
        "AWS4-HMAC-SHA256 Credential=id/20260228/eu/transcribe/aws4_request,"
        " SignedHeaders=host, Signature=" + "g" * 64,
        "AWS4-HMAC-SHA256 Credential=id/20260228/eu/s3/aws4_request,"
        " SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=id/20260227/eu/transcribe/aws4_request,"
        " SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=aws4_request, SignedHeaders=host, Signature=" + "0" * 64,
    ],
)
def test_what_is_no_signature_is_refused(authorization: str) -> None:
    headers = {"host": HOST, "x-amz-date": "20260228T235800Z", "authorization": authorization}
    with pytest.raises(InvalidSignature):
        by_headers(headers)


@pytest.mark.parametrize("moment", ["", "20260231T000000Z", "20260228T2358Z", "٢٠٢٦0228T235800Z"])
def test_what_is_no_date_is_refused(moment: str) -> None:
    headers = signed_headers(KEY, HOST, at=NOW)
    with pytest.raises(InvalidSignature, match="X-Amz-Date"):
        by_headers({**headers, "x-amz-date": moment})


def test_clocks_may_differ_by_five_minutes() -> None:
    signed = by_headers(signed_headers(KEY, HOST, at=NOW))
    for apart_s in (-300.0, 0.0, 300.0):
        signed.check_time(NOW_S + apart_s)
    with pytest.raises(InvalidSignature, match="has expired"):
        signed.check_time(NOW_S + 301.0)
    with pytest.raises(InvalidSignature, match="not yet current"):
        signed.check_time(NOW_S - 301.0)


# -- a signed address ----------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "a+session/token=="])
def test_an_address_that_botocore_signs_is_right(token: str | None) -> None:
    asked = {**ASKED, "vocabulary-name": "a b+c~d/é"}
    address = signed_address(KEY, f"http://{HOST}", asked, at=NOW, token=token)
    signed = by_address(address)
    assert signed.scope.key_id == KEY
    signed.check_time(NOW_S)
    signed.check(KEY)
    with pytest.raises(InvalidSignature):
        signed.check(f"{KEY}.")


def test_its_id_is_what_it_says() -> None:
    assert key_id_in_query({"X-Amz-Credential": "a/b/20260228/eu/transcribe/aws4_request"}) == "a/b"
    assert key_id_in_query({}) == ""


def test_one_wrong_letter_anywhere_in_an_address_is_refused() -> None:
    address = signed_address("id", f"http://{HOST}", at=NOW)
    begin = address.index(SOCKET_PATH)
    for place in range(begin, len(address)):
        changed = address[:place] + chr(ord(address[place]) ^ 1) + address[place + 1 :]
        assert not is_let_in(lambda: by_address(changed))  # noqa: B023


def test_an_address_is_for_one_host() -> None:
    address = signed_address(KEY, f"http://{HOST}", at=NOW)
    with pytest.raises(InvalidSignature, match="does not fit"):
        by_address(address, "localhost").check(KEY)


def test_an_address_holds_until_it_expires() -> None:
    signed = by_address(signed_address(KEY, f"http://{HOST}", at=NOW, expires_s=60))
    signed.check_time(NOW_S + 60)
    with pytest.raises(InvalidSignature, match="has expired"):
        signed.check_time(NOW_S + 61)
    with pytest.raises(InvalidSignature, match="not yet current"):
        signed.check_time(NOW_S - 301)


@pytest.mark.parametrize("expires", ["0", "301", "-1", "9" * 7, "ten", ""])
def test_an_address_holds_for_five_minutes_at_most(expires: str) -> None:
    address = signed_address(KEY, f"http://{HOST}", at=NOW)
    with pytest.raises(InvalidParameter, match="1 to 300 seconds"):
        by_address(address.replace("X-Amz-Expires=300", f"X-Amz-Expires={expires}"))


def test_a_name_that_is_there_twice_is_refused() -> None:
    address = signed_address(KEY, f"http://{HOST}", at=NOW)
    with pytest.raises(InvalidSignature, match="twice"):
        by_address(f"{address}&sample-rate=8000")


@pytest.mark.parametrize("name", ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"])
def test_an_address_without_its_signature_is_refused(name: str) -> None:
    address = signed_address(KEY, f"http://{HOST}", at=NOW)
    with pytest.raises(InvalidSignature):
        by_address(address.replace(name, "X-Else"))


# -- chunks --------------------------------------------------------------------------------------


class Sender:
    """Chunks as the SDK signs them, one after the other."""

    def __init__(self, seed: str, secret: str = KEY, now: datetime = NOW) -> None:
        self._before = bytes.fromhex(seed)
        self._credentials = StaticCredentialResolver(KEY, secret)
        self.now = now

    def sign(self, payload: bytes) -> dict[str, object]:
        signer = EventSigner("transcribe", REGION, lambda: self.now)
        headers = signer.sign(payload, self._before, self._credentials)
        signature = headers[":chunk-signature"]
        assert isinstance(signature, bytes)
        self._before = signature
        return {
            ":date": Timestamp(int(self.now.timestamp() * 1_000)),
            ":chunk-signature": signature,
        }


@pytest.fixture
def signed() -> Signed:
    return by_headers(signed_headers(KEY, HOST, at=NOW))


def test_chunks_that_the_sdk_signs_are_right_over_midnight(signed: Signed) -> None:
    sender, checked = Sender(signed.signature), ChunkSignatures(signed, KEY)
    for number in range(40):
        payload = bytes([number]) * number
        checked.check(sender.sign(payload), payload, sender.now.timestamp())
        sender.now += timedelta(seconds=7.123)
    assert sender.now.day == 1


def test_a_chunk_out_of_turn_is_refused(signed: Signed) -> None:
    sender, checked = Sender(signed.signature), ChunkSignatures(signed, KEY)
    first, second = sender.sign(b"one"), sender.sign(b"two")
    with pytest.raises(InvalidChunk, match="does not fit"):
        checked.check(second, b"two", NOW_S)
    checked.check(first, b"one", NOW_S)
    with pytest.raises(InvalidChunk, match="does not fit"):
        checked.check(first, b"one", NOW_S)
    checked.check(second, b"two", NOW_S)


def test_one_wrong_bit_of_a_chunk_is_refused(signed: Signed) -> None:
    headers = Sender(signed.signature).sign(b"sound")
    signature = headers[":chunk-signature"]
    assert isinstance(signature, bytes)
    for bit in range(8 * 32):
        wrong = bytearray(signature)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidChunk):
            ChunkSignatures(signed, KEY).check(
                {**headers, ":chunk-signature": bytes(wrong)}, b"sound", NOW_S
            )
    for payload in (b"sounD", b"soun", b"sound.", b""):
        with pytest.raises(InvalidChunk):
            ChunkSignatures(signed, KEY).check(headers, payload, NOW_S)
    date = headers[":date"]
    assert isinstance(date, Timestamp)
    later = {**headers, ":date": Timestamp(date.since_1970_ms + 1)}
    with pytest.raises(InvalidChunk):
        ChunkSignatures(signed, KEY).check(later, b"sound", NOW_S)


def test_another_secret_is_refused(signed: Signed) -> None:
    headers = Sender(signed.signature, "another").sign(b"sound")
    with pytest.raises(InvalidChunk):
        ChunkSignatures(signed, KEY).check(headers, b"sound", NOW_S)


@pytest.mark.parametrize("secret", [KEY, None])
def test_what_is_no_signed_chunk_is_refused_with_a_secret_or_without(
    signed: Signed, secret: str | None
) -> None:
    headers = Sender(signed.signature).sign(b"sound")
    for wrong in (
        {},
        {":date": headers[":date"]},
        {**headers, ":chunk-signature": bytes(31)},
        {**headers, ":chunk-signature": "text"},
        {**headers, ":date": NOW_S},
        {**headers, "another": True},
        {**headers, ":date": Timestamp(2**62)},
        {**headers, ":date": Timestamp(-(2**62))},
    ):
        with pytest.raises(InvalidChunk):
            ChunkSignatures(signed, secret).check(wrong, b"sound", NOW_S)
    for apart_s in (-301.0, 301.0):
        with pytest.raises(InvalidChunk, match="s ago"):
            ChunkSignatures(signed, secret).check(headers, b"sound", NOW_S + apart_s)


def test_where_nobody_has_the_secret_any_signature_of_that_form_is_taken(signed: Signed) -> None:
    checked = ChunkSignatures(signed, None)
    for _ in range(2):
        checked.check(Sender("00" * 32, "whatever").sign(b"sound"), b"sound", NOW_S)


# -- our own address -----------------------------------------------------------------------------


def test_our_own_address_is_the_one_that_botocore_signs() -> None:
    query = signed_query(SOCKET_PATH, ASKED, HOST, REGION, KEY, NOW_S)
    by_botocore = signed_address(KEY, f"http://{HOST}", at=NOW)
    assert query == dict(parse_qsl(urlsplit(by_botocore).query))
    signed = by_address(f"http://{HOST}{SOCKET_PATH}?{urlencode(query)}")
    signed.check_time(NOW_S)
    signed.check(KEY)
