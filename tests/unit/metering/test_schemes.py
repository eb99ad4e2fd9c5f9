"""Six providers' rules on the same requests, and price books and accounts as files."""

from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.documents import (
    account_document,
    books_document,
    read_account,
    read_books,
)
from lab_kit.metering.event import Quantities
from lab_kit.metering.plans import Account, Credit, Plan
from lab_kit.metering.prices import SECOND, PriceBook, PriceBooks
from lab_kit.metering.rating import RequestUsage
from lab_kit.metering.schemes import ALL, AMAZON, DEEPGRAM, HOUSE, SIX, UNDATED, side_by_side

BILLING = (Path(__file__).parents[3] / "docs/billing.md").read_text("utf-8")


def sound(seconds: float, kind: str = "stream", **more: object) -> RequestUsage:
    billed_us = int(seconds * SECOND)
    amount = Quantities(billed_us, billed_us, billed_us, tokens=int(seconds * 3))
    return RequestUsage(f"{seconds}", 0, kind, "m", amount, **more)  # type: ignore[arg-type]


def cents(*usage: RequestUsage) -> dict[str, str]:
    return {one.scheme.name: f"{one.total * 100:.3f}" for one in side_by_side(usage)}


def test_an_hour_costs_what_each_list_says() -> None:
    assert cents(sound(3_600)) == {
        "deepgram": "28.800",
        "assemblyai": "15.000",
        "google": "96.000",
        "amazon": "60.000",
        "openai": "102.000",
        "elevenlabs": "39.000",
    }
    assert cents(sound(3_600, "recording")) == {
        "deepgram": "25.800",
        "assemblyai": "15.000",
        "google": "96.000",
        "amazon": "36.000",
        "openai": "27.000",
        "elevenlabs": "22.000",
    }


def test_a_minimum_makes_short_requests_dear() -> None:
    """The same hour in pieces of 4 s: 15 of them are billed as 225 s where 15 s are the least."""
    whole, pieces = [sound(3_600)], [sound(4)] * 900
    for one, of_pieces in zip(side_by_side(whole), side_by_side(pieces), strict=True):
        factor = Decimal("3.75") if one.scheme is AMAZON else 1
        assert of_pieces.total == one.total * factor


def test_features_add_up() -> None:
    stack = sound(3_600, "recording", features=("diarize", "entities", "keyterms"))
    plain = sound(3_600, "recording")
    added = {
        one.scheme.name: one.total - bare.total
        for one, bare in zip(side_by_side([stack]), side_by_side([plain]), strict=True)
    }
    assert {name: str(extra.normalize()) for name, extra in added.items() if extra} == {
        "deepgram": "0.12",
        "assemblyai": "0.02",
        "elevenlabs": "0.12",
    }


def test_channels_count_where_the_provider_says_so() -> None:
    two = side_by_side([sound(60, channels=2)])
    one = side_by_side([sound(60)])
    doubled = [a.scheme for a, b in zip(two, one, strict=True) if a.total > b.total]
    assert doubled == [DEEPGRAM]


def test_texts_cost_by_their_characters() -> None:
    text = RequestUsage("t", 0, "speech", "voice", Quantities(characters=100_000))
    assert cents(text) == {
        "deepgram": "300.000",
        "assemblyai": "0.000",
        "google": "0.000",
        "amazon": "300.000",
        "openai": "150.000",
        "elevenlabs": "1000.000",
    }


def test_tokens_cost_by_the_million() -> None:
    (priced,) = side_by_side([sound(1_000, "inference")], [HOUSE])
    assert priced.total == Decimal("0.03")


def test_every_providers_scheme_says_where_and_when_it_was_read() -> None:
    assert len(SIX) == 6
    for scheme in SIX:
        assert scheme.sources
        assert scheme.notes
        for source in scheme.sources:
            assert source.url.startswith("https://")
            assert source.read == UNDATED or source.read[:2] == "20"
            assert f"[{source.what}]({source.url}) | {source.read}" in BILLING


@pytest.mark.parametrize("name", ALL)
def test_price_books_are_read_as_they_were_written(name: str) -> None:
    books = ALL[name].books
    assert read_books(books_document(books)).books == books.books


ACCOUNT = Account(
    "acme",
    "USD",
    (Plan("a", 0), Plan("b", 5, Decimal("9.90"), Decimal(100), (("live sound", 60),))),
    (Credit("welcome", Decimal(5), 0, 9),),
    10,
)


def test_an_account_is_read_as_it_was_written() -> None:
    assert read_account(account_document(ACCOUNT)) == ACCOUNT
    assert read_account(b'{"tenant": "acme", "currency": "EUR"}') == Account("acme", "EUR")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"minimum"', b'"minimun"'),
        (b'"per": 60000000', b'"per": 6e7'),
        (b'"per": 60000000', b'"per": true'),
        (b'"amount": "0.0060"', b'"amount": 0.006'),
        (b'"amount": "0.0060"', b'"amount": "cheap"'),
        (b'"measure": "billed sound"', b'"measure": "sound"'),
        (b'"from": "1970-01-01T00:00:00.000000Z"', b'"from": "yesterday"'),
        (b'"prices"', b'"price"'),
        (b'"currency": "USD"', b'"currency": "XYZ"'),
        (b"{", b"["),
    ],
)
def test_files_that_would_be_billed_wrongly_are_refused(old: bytes, new: bytes) -> None:
    document = books_document(HOUSE.books)
    assert old in document
    with pytest.raises(InvalidParameter):
        read_books(document.replace(old, new, 1))


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"7", b'{"tenant": 7}'])
def test_what_is_no_account_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidParameter):
        read_account(document)


def test_books_that_follow_each_other_are_one_file() -> None:
    first, later = (PriceBook("house", "USD", moment, HOUSE.prices) for moment in (0, 10))
    document = books_document(PriceBooks([later, first]))
    assert [one["from"][:10] for one in orjson.loads(document)["books"]] == ["1970-01-01"] * 2
    assert read_books(document).books == (first, later)
