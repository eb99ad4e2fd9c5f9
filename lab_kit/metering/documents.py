"""Price books and accounts as JSON files, as whoever bills keeps them.

Amounts are text, so that no program reads them as numbers that cannot hold them. A field that is
not known is refused: a misspelled one would be billed as if it were not there.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import orjson

from lab_kit.core.clock import read_rfc3339, rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.plans import Account, Credit, Plan
from lab_kit.metering.prices import Measure, Price, PriceBook, PriceBooks, Tier

_T = TypeVar("_T")
_Fields = dict[str, Any]


def books_document(books: PriceBooks) -> bytes:
    """Price books as a file."""
    return _document({"books": [_book(book) for book in books.books]})


def read_books(document: bytes) -> PriceBooks:
    """The price books of a file.

    Raises:
        InvalidParameter: it holds something else, or prices that contradict themselves.
    """
    return _read(document, "price books", lambda told: PriceBooks(_all(told, "books", _read_book)))


def account_document(account: Account) -> bytes:
    """What a tenant has agreed to, as a file."""
    return _document(
        {
            "tenant": account.tenant,
            "currency": account.currency,
            "until": None if account.until_us is None else rfc3339(account.until_us),
            "plans": [
                {
                    "name": plan.name,
                    "from": rfc3339(plan.from_us),
                    "fee": _text(plan.fee),
                    "commitment": _text(plan.commitment),
                    "included": dict(plan.included),
                }
                for plan in account.plans
            ],
            "credits": [
                {
                    "name": credit.name,
                    "amount": _text(credit.amount),
                    "from": rfc3339(credit.from_us),
                    "expires": rfc3339(credit.expires_us),
                }
                for credit in account.credits
            ],
        }
    )


def read_account(document: bytes) -> Account:
    """The account of a file.

    Raises:
        InvalidParameter: it holds something else, or an account that contradicts itself.
    """
    return _read(document, "an account", _read_account)


def _book(book: PriceBook) -> _Fields:
    return {
        "name": book.name,
        "currency": book.currency,
        "from": rfc3339(book.from_us),
        "source": book.source,
        "prices": [_price(price) for price in book.prices],
    }


def _price(price: Price) -> _Fields:
    return {
        "name": price.name,
        "measure": price.measure,
        "per": price.per,
        "tiers": [{"above": tier.above, "amount": _text(tier.amount)} for tier in price.tiers],
        "block": price.block,
        "minimum": price.minimum,
        "kinds": price.kinds,
        "models": price.models,
        "feature": price.feature,
        "is_per_channel": price.is_per_channel,
    }


def _read_book(told: _Fields) -> PriceBook:
    return PriceBook(
        _named(told, "name", str),
        _named(told, "currency", str),
        read_rfc3339(_named(told, "from", str)),
        tuple(_all(told, "prices", _read_price)),
        told.pop("source", ""),
    )


def _read_price(told: _Fields) -> Price:
    return Price(
        _named(told, "name", str),
        Measure(_named(told, "measure", str)),
        _named(told, "per", int),
        tuple(_all(told, "tiers", _read_tier)),
        _or(told, "block", 1),
        _or(told, "minimum", 0),
        tuple(told.pop("kinds", ())),
        tuple(told.pop("models", ())),
        _or(told, "feature", ""),
        _or(told, "is_per_channel", False),
    )


def _read_tier(told: _Fields) -> Tier:
    return Tier(_named(told, "above", int), Decimal(_named(told, "amount", str)))


def _read_account(told: _Fields) -> Account:
    until = told.pop("until", None)
    return Account(
        _named(told, "tenant", str),
        _named(told, "currency", str),
        tuple(_all(told, "plans", _read_plan)),
        tuple(_all(told, "credits", _read_credit)),
        None if until is None else read_rfc3339(until),
    )


def _read_plan(told: _Fields) -> Plan:
    included = told.pop("included", {})
    return Plan(
        _named(told, "name", str),
        read_rfc3339(_named(told, "from", str)),
        Decimal(_or(told, "fee", "0")),
        Decimal(_or(told, "commitment", "0")),
        tuple((name, _named(included, name, int)) for name in list(included)),
    )


def _read_credit(told: _Fields) -> Credit:
    return Credit(
        _named(told, "name", str),
        Decimal(_named(told, "amount", str)),
        read_rfc3339(_named(told, "from", str)),
        read_rfc3339(_named(told, "expires", str)),
    )


def _read(document: bytes, what: str, read: Callable[[_Fields], _T]) -> _T:
    try:
        return _whole(orjson.loads(document), read)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise InvalidParameter(
            f"a file ({type(error).__name__}: {error})",
            f"{what} in JSON, amounts as text",
            "see docs/billing.md",
        ) from error


def _whole(told: _Fields, read: Callable[[_Fields], _T]) -> _T:
    """What is read, if nothing is left then."""
    left = dict(told)
    found = read(left)
    if left:
        raise ValueError(f"{', '.join(sorted(left))} is not known")
    return found


def _all(told: _Fields, name: str, read: Callable[[_Fields], _T]) -> list[_T]:
    return [_whole(one, read) for one in told.pop(name, ())]


def _named(told: _Fields, name: str, kind: type[_T]) -> _T:
    value = told.pop(name)
    if type(value) is not kind:
        raise TypeError(f"{name} is {value!r}")
    return value


def _or(told: _Fields, name: str, default: _T) -> _T:
    return _named(told, name, type(default)) if name in told else default


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _document(told: Mapping[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
