"""``lab ledger``: from what a server wrote down to an invoice, and from its lines back again.

It works on the ledger itself, a file or a database, and asks no server. Whoever holds the ledger
bills; nobody else can.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.cli.terminal import read, write
from lab_kit.core.errors import InvalidParameter

if TYPE_CHECKING:
    from lab_kit.ledger.ledger import Ledger
    from lab_kit.metering.invoice import Invoice, InvoiceLine
    from lab_kit.metering.period import Period
    from lab_kit.metering.plans import Account
    from lab_kit.metering.prices import PriceBooks
    from lab_kit.metering.reconciliation import Mark

DIFFERENT = 1
"""The status where three counts do not agree."""
_MOST_REFUSALS = 50
"""A screen; who wants to see more says so."""


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    from lab_kit.ledger import sidecar

    actions = command.add_subparsers(required=True, metavar="ACTION")
    ship = actions.add_parser("ship", help="bring what servers wrote down into the ledger")
    sidecar.add_arguments(ship)
    ship.set_defaults(run=sidecar.run)
    usage = _timed(_of_tenant(_on(actions.add_parser("usage", help="print what a tenant used"))))
    usage.set_defaults(run=_usage)
    close = _on(actions.add_parser("close", help="have what is there be what a month is billed by"))
    close.add_argument("--month", required=True, help="such as 2026-11, in UTC")
    close.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SOURCE",
        help="a server's folder that will bring nothing more; as often as you like",
    )
    close.set_defaults(run=_close)
    prices = actions.add_parser("prices", help="print price books as a file")
    prices.add_argument("prices", help="a scheme's name, such as house, or a file")
    prices.set_defaults(run=_prices)
    _add_invoices(actions)
    reconcile = _timed(
        _on(actions.add_parser("reconcile", help="compare what was heard, sent and billed"))
    )
    reconcile.add_argument(
        "--client", type=Path, required=True, metavar="FILE", help="what callers were told, by line"
    )
    reconcile.add_argument(
        "--log", type=Path, required=True, metavar="FILE", help="of the server's --inference-log"
    )
    reconcile.set_defaults(run=_reconcile)
    refusals = _on(actions.add_parser("refusals", help="print what exports were refused for good"))
    refusals.add_argument(
        "--most", type=int, default=_MOST_REFUSALS, help="of the last (default %(default)s)"
    )
    refusals.set_defaults(run=_refusals)


def _add_invoices(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    invoice = _of_tenant(
        _on(actions.add_parser("invoice", help="issue the invoice of a month, or print it again"))
    )
    _priced(invoice)
    invoice.add_argument("--month", required=True, help="such as 2026-11, in UTC")
    invoice.add_argument(
        "--account", type=Path, metavar="FILE", help="what the tenant has agreed to (JSON)"
    )
    invoice.add_argument(
        "--again",
        action="store_true",
        help="issue a further one, for what came late; else the next month's has it",
    )
    invoice.add_argument("--out", type=Path, metavar="FILE", help="write the document, too")
    invoice.set_defaults(run=_invoice)
    line = _on(actions.add_parser("line", help="print the requests that a line counts"))
    _numbered(line)
    _priced(line)
    line.add_argument("--events", action="store_true", help="and the events of each")
    line.set_defaults(run=_line)
    credit = _on(actions.add_parser("credit", help="issue a credit note for a line"))
    _numbered(credit)
    credit.add_argument("--amount", required=True, help="such as 1.50")
    credit.add_argument("--reason", required=True, help="as the note has it")
    credit.set_defaults(run=_credit)


def _on(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument(
        "--ledger",
        required=True,
        metavar="FILE_OR_URL",
        help="an SQLite file, or postgresql://USER:PASSWORD@HOST/NAME",
    )
    return command


def _of_tenant(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--tenant", required=True, help="its name, as its keys have it")
    return command


def _timed(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--month", help="such as 2026-11, in UTC")
    command.add_argument("--from", dest="begin", metavar="TIME", help="2026-11-01T00:00:00Z")
    command.add_argument("--until", metavar="TIME", help="likewise; the first moment left out")
    return command


def _numbered(command: argparse.ArgumentParser) -> None:
    command.add_argument("--invoice", required=True, metavar="NUMBER", help="as it is printed")
    command.add_argument("--line", type=int, required=True, help="its number on the invoice")


def _priced(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prices", required=True, metavar="NAME_OR_FILE", help="such as house; see prices"
    )


def _usage(options: argparse.Namespace) -> int:
    with _opened(options) as ledger:
        requests = ledger.requests(options.tenant, _period(options))
    totals: dict[tuple[str, str], list[int]] = {}
    for one in requests:
        amount = one.amount
        added = (1, amount.billed_us, amount.characters, amount.tokens, amount.compute_us)
        so_far = totals.setdefault((one.kind, one.model), [0] * len(added))
        totals[one.kind, one.model] = [a + b for a, b in zip(so_far, added, strict=True)]
    for (kind, model), (count, billed_us, characters, tokens, compute_us) in sorted(totals.items()):
        print(
            f"{kind:10}  {model}  {count:,} requests  {billed_us / 1e6:,.6f} s of sound"
            f"  {characters:,} characters  {tokens:,} tokens  {compute_us / 1e6:,.3f} s of compute"
        )
    print(f"{len(requests):,} requests of {options.tenant}")
    return 0


def _close(options: argparse.Namespace) -> int:
    from lab_kit.core.clock import rfc3339
    from lab_kit.metering.period import Period

    with _opened(options) as ledger:
        closing_ = ledger.close_period(Period.month(options.month), without=options.without)
    print(f"{closing_.period} was closed at {rfc3339(closing_.closed_us)}")
    return 0


def _prices(options: argparse.Namespace) -> int:
    from lab_kit.metering.documents import books_document

    print(books_document(_books(options)).decode(), end="")
    return 0


def _invoice(options: argparse.Namespace) -> int:
    from lab_kit.metering.invoice import read_invoice
    from lab_kit.metering.period import Period

    books = _books(options)
    account, period = _account(options, books), Period.month(options.month)
    with _opened(options) as ledger:
        issue = ledger.issue_again if options.again else ledger.issue
        document = issue(account, period, books)
    if options.out is not None:
        write(options.out, document.decode())
    _print(read_invoice(document))
    return 0


def _line(options: argparse.Namespace) -> int:
    with _opened(options) as ledger:
        line, found = ledger.requests_behind(options.invoice, options.line, _books(options))
        print(_told(line))
        for request, units in found:
            print(f"  {request.stream}  {request.kind}  {_units(line, units)}")
            if options.events:
                _print_events(ledger, request.stream)
    return 0


def _credit(options: argparse.Namespace) -> int:
    with _opened(options) as ledger:
        document = ledger.credit(
            options.invoice, options.line, _amount(options.amount), options.reason
        )
    print(document.decode(), end="")
    return 0


def _reconcile(options: argparse.Namespace) -> int:
    from lab_kit.core.clock import rfc3339
    from lab_kit.metering.reconciliation import from_events, from_marks, reconcile

    period = _period(options)
    client, log = (
        [one for one in from_marks(_marks(file)) if period.from_us <= one.time_us < period.until_us]
        for file in (options.client, options.log)
    )
    with _opened(options) as ledger:
        billed = from_events(ledger.sound_events(period))
    found = reconcile(client, log, billed)
    for row in found.rows:
        counts = "  ".join(f"{side} {us} us" for side, us in row.counts_us.items())
        print(f"{rfc3339(row.hour_us)[:13]}h  {row.tenant}  {counts}")
    for one in found.findings:
        print(f"{one.side}: {one.stream}: {one.cause} ({one.total_us:+} us)")
    print("all counts agree" if found.is_zero else f"differences: {len(found.findings)}")
    return 0 if found.is_zero else DIFFERENT


def _refusals(options: argparse.Namespace) -> int:
    from lab_kit.core.clock import rfc3339
    from lab_kit.ledger.exports import Exports
    from lab_kit.ledger.ledger import open_tables

    if options.most < 1:
        raise InvalidParameter(f"--most {options.most}", "1 or more", "leave it out for the last")
    with closing(Exports(open_tables(_there(options)))) as exports:
        count, found = exports.refused(options.most)
    for one in found:
        event = one.event
        print(
            f"{one.destination}  {rfc3339(event.time_us)}  {event.used.tenant}  {event.source}"
            f"  {event.id}  {event.amount.billed_us} us  {one.why}"
        )
    print(f"{count:,} events refused for good, {len(found):,} shown")
    return 0


@contextmanager
def _opened(options: argparse.Namespace) -> "Iterator[Ledger]":
    from lab_kit.ledger.ledger import open_ledger

    with closing(open_ledger(_there(options))) as ledger:
        yield ledger


def _there(options: argparse.Namespace) -> str:
    """Where the ledger is."""
    where = str(options.ledger)
    if "://" not in where and not Path(where).exists():
        raise InvalidParameter(
            f"--ledger {where}, which is not there", "a ledger", "make one by ship"
        )
    return where


def _period(options: argparse.Namespace) -> "Period":
    from lab_kit.core.clock import read_rfc3339
    from lab_kit.metering.period import Period

    match options.month, options.begin, options.until:
        case str(month), None, None:
            return Period.month(month)
        case None, str(begin), str(until):
            try:
                return Period(read_rfc3339(begin), read_rfc3339(until))
            except ValueError as error:
                raise InvalidParameter(
                    f"the time {error}", "a moment in UTC", "write it as in 2026-11-01T00:00:00Z"
                ) from error
    raise InvalidParameter("no period, or two", "--month, or --from with --until", "name one")


def _books(options: argparse.Namespace) -> "PriceBooks":
    from lab_kit.metering.documents import read_books
    from lab_kit.metering.schemes import ALL

    if options.prices in ALL:
        return ALL[options.prices].books
    file = Path(options.prices)
    if not file.exists():
        raise InvalidParameter(
            f"the prices {options.prices}", f"a file, or {', '.join(ALL)}", "name one of these"
        )
    return read_books(read(file))


def _account(options: argparse.Namespace, books: "PriceBooks") -> "Account":
    from lab_kit.metering.documents import read_account
    from lab_kit.metering.plans import Account

    if options.account is None:
        return Account(options.tenant, books.currency)
    account = read_account(read(options.account))
    if account.tenant != options.tenant:
        raise InvalidParameter(
            f"the account of {account.tenant} for {options.tenant}", "its own", "name its file"
        )
    return account


def _amount(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation as error:
        raise InvalidParameter(
            f"--amount {written}", "an amount of money", "write it as in 1.50"
        ) from error


def _marks(file: Path) -> "list[Mark]":
    from lab_kit.metering.reconciliation import read_marks

    return read_marks(read(file).splitlines())


def _print(invoice: "Invoice") -> None:
    print(f"{invoice.number}  {invoice.period}")
    for line in invoice.lines:
        print(_told(line))
    print(f"total {invoice.total} {invoice.currency}")


def _told(line: "InvoiceLine") -> str:
    late = f", late for {line.period.name}" if line.is_adjustment else ""
    used = f"  {line.requests:,} requests, {_units(line, line.units)}" if line.measure else ""
    days = f"  {line.days} of {line.of_days} days" if line.of_days else ""
    return f"{line.number:>3}  {line.kind:9}  {line.name}{late}{used}{days}  {line.amount}"


def _units(line: "InvoiceLine", units: int) -> str:
    if line.measure.endswith("sound") or line.measure == "compute":
        return f"{units / 1e6:,.6f} s"
    return f"{units:,} {line.measure}"


def _print_events(ledger: "Ledger", stream: str) -> None:
    from lab_kit.core.clock import rfc3339

    for event in ledger.events(stream):
        print(
            f"    {rfc3339(event.time_us)}  {event.source}  {event.id}"
            f"  {event.amount.billed_us} us  until {event.until_us} us"
        )
