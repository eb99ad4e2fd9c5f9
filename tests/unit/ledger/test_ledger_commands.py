"""``lab ledger`` from a journal to an invoice, its lines, a credit note, and three counts."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from usage_made import T0_US, made_usage

from lab_kit.cli import main
from lab_kit.ledger.exports import Exports, Refusal
from lab_kit.ledger.ledger import open_tables
from lab_kit.metering.documents import account_document, books_document
from lab_kit.metering.event import UsageEvent, cloud_event
from lab_kit.metering.invoice import read_invoice
from lab_kit.metering.plans import Account
from lab_kit.metering.reconciliation import Mark, written_marks
from lab_kit.metering.schemes import AMAZON

EVENTS = made_usage(streams=8, each=5)
NUMBER = "tenant-1-20231101-20231201-1"


def ship(tmp_path: Path, events: list[UsageEvent]) -> None:
    folder = tmp_path / "usage"
    folder.mkdir(exist_ok=True)
    (folder / "1.jsonl").write_bytes(b"".join(cloud_event(one) + b"\n" for one in events))
    shipped = ["ledger", "ship", "--once", "--usage", str(folder), "--ledger", where(tmp_path)]
    assert main(shipped) == 0


def where(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.sqlite")


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    ship(tmp_path, EVENTS)
    return where(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["ledger", *arguments]) == code
    told = capsys.readouterr()
    return told.out if code in (0, 1) and told.out else told.err


def test_from_a_journal_to_a_line_and_its_events(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on, tenant = ("--ledger", ledger), ("--tenant", "tenant-1")
    mine = [one for one in EVENTS if one.used.tenant == "tenant-1"]
    used = said(capsys, "usage", *on, *tenant, "--month", "2023-11")
    billed_us = sum(one.amount.billed_us for one in mine)
    assert f"2 requests  {billed_us / 1e6:,.6f} s of sound" in used
    month = ("--month", "2023-11")
    priced = ("--prices", "house")
    refused = said(capsys, "invoice", *on, *tenant, *month, *priced, code=1)
    assert "which is open" in refused
    assert "was closed" in said(capsys, "close", *on, *month)
    out = tmp_path / "invoice.json"
    told = said(capsys, "invoice", *on, *tenant, *month, *priced, "--out", str(out))
    invoice = read_invoice(out.read_bytes())
    assert invoice.number == NUMBER
    assert f"total {invoice.total} USD" in told
    assert told.endswith(said(capsys, "invoice", *on, *tenant, *month, *priced))
    line = ("--invoice", NUMBER, "--line", "1")
    behind = said(capsys, "line", *on, *line, *priced, "--events")
    assert [one for one in mine if one.id not in behind] == []
    assert mine[0].used.stream in behind


def test_a_credit_note_is_issued_for_a_line(
    ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on = ("--ledger", ledger)
    said(capsys, "close", *on, "--month", "2023-11")
    prices = ("--prices", "amazon")
    said(capsys, "invoice", *on, "--tenant", "tenant-1", "--month", "2023-11", *prices)
    credit = ("credit", *on, "--invoice", NUMBER, "--line", "1", "--reason", "a test")
    note = orjson.loads(said(capsys, *credit, "--amount", "0.01"))
    assert (note["number"], note["amount"]) == (f"{NUMBER}-C1", "0.01")
    assert "at most the" in said(capsys, *credit, "--amount", "1.00", code=1)
    assert "an amount of money" in said(capsys, *credit, "--amount", "much", code=1)


def test_prices_and_accounts_are_files_too(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = said(capsys, "prices", "amazon")
    assert printed.encode() == books_document(AMAZON.books)
    (tmp_path / "prices.json").write_text(printed)
    assert said(capsys, "prices", str(tmp_path / "prices.json")) == printed
    (tmp_path / "acme.json").write_bytes(account_document(Account("acme", "USD")))
    said(capsys, "close", "--ledger", ledger, "--month", "2023-11")
    invoice = ("invoice", "--ledger", ledger, "--month", "2023-11", "--prices", "amazon")
    account = ("--account", str(tmp_path / "acme.json"))
    assert "total" in said(capsys, *invoice, "--tenant", "acme", *account)
    wrong = said(capsys, *invoice, "--tenant", "tenant-1", *account, code=1)
    assert "the account of acme for tenant-1" in wrong
    assert "house, deepgram" in said(capsys, "prices", "cheap", code=1)


def test_what_came_late_is_issued_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = [one for one in EVENTS if one.used.tenant == "tenant-1"][3:]
    late = [replace(one, amount=replace(one.amount, billed_us=60_000_000)) for one in late]
    ship(tmp_path, [one for one in EVENTS if one.id not in {e.id for e in late}])
    on = ("--ledger", where(tmp_path), "--month", "2023-11")
    said(capsys, "close", *on)
    invoice = ("invoice", *on, "--tenant", "tenant-1", "--prices", "house")
    said(capsys, *invoice)
    assert "nothing late" in said(capsys, *invoice, "--again", code=1)
    ship(tmp_path, late)
    assert "late for 20231101-20231201" in said(capsys, *invoice, "--again")


def test_three_counts_are_compared(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reached: dict[str, int] = {}
    marks = []
    for one in EVENTS:
        name = one.used.stream
        reached[name] = reached.get(name, 0) + one.amount.billed_us
        marks.append(Mark(name, one.used.tenant, one.time_us, reached[name]))
    files = {name: tmp_path / f"{name}.jsonl" for name in ("client", "log")}
    for file in files.values():
        file.write_bytes(written_marks(marks))
    compare = (
        *("reconcile", "--ledger", ledger, "--month", "2023-11"),
        *("--client", str(files["client"]), "--log", str(files["log"])),
    )
    assert "all counts agree" in said(capsys, *compare)
    files["client"].write_bytes(written_marks(marks[:-1]))
    told = said(capsys, *compare, code=1)
    stream = marks[-1].stream
    assert f"client: {stream}: its end is missing" in told
    assert "differences: 1" in told


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--month", "2023-11", "--from", "2023-11-01T00:00:00Z"),
        ("--from", "2023-11-01T00:00:00Z"),
        ("--from", "2023-11-01", "--until", "2023-12-01"),
        ("--month", "2023-13"),
    ],
)
def test_a_period_is_named_in_one_way(
    ledger: str, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...]
) -> None:
    told = said(capsys, "usage", "--ledger", ledger, "--tenant", "tenant-1", *asked, code=1)
    assert "expected" in told


def test_a_period_may_be_any_time(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    times = ("--from", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:13:22Z")
    told = said(capsys, "usage", "--ledger", ledger, "--tenant", "tenant-1", *times)
    assert T0_US == 1_700_000_000_000_000
    assert "1 requests of tenant-1" in told


def test_a_ledger_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "missing.sqlite")
    assert "which is not there" in said(
        capsys, "close", "--ledger", file, "--month", "2023-11", code=1
    )
    assert not Path(file).exists()


def test_what_exports_were_refused_is_listed(
    ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on = ("refusals", "--ledger", ledger)
    assert said(capsys, *on) == "0 events refused for good, 0 shown\n"
    with closing(Exports(open_tables(ledger))) as exports:
        ((_, first), (_, second)) = exports.waiting("stripe https://a", 2)
        exports.move("stripe https://a", 2, [Refusal(1, "too old"), Refusal(2, "no customer")])
    told = said(capsys, *on).splitlines()
    assert [line.rpartition("  ")[2] for line in told[:2]] == ["no customer", "too old"]
    assert told[1].startswith(
        f"stripe https://a  2023-11-14T22:13:20.000000Z  {first.used.tenant}  "
    )
    assert f"  {second.source}  {second.id}  {second.amount.billed_us} us  " in told[0]
    assert "2 events refused for good, 1 shown" in said(capsys, *on, "--most", "1")
    assert "expected: 1 or more" in said(capsys, *on, "--most", "0", code=1)
