"""A folder of the first form is brought forward: all of it can be read, and all of it is sealed."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from made_orders import ANN, ROOT, order_of, segment
from pydantic import TypeAdapter

from lab_kit.database.rows import Rows
from lab_kit.gateway.run.first_keys import make_key
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.answers import Answers
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.subjects import subject_of
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order
from lab_kit.gateway.transcriptions.operations import Allowance, Operations
from lab_kit.gateway.transcriptions.paging import Query
from lab_kit.gateway.webhooks.callbacks import Callbacks
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.operations import OperationState
from lab_kit.protocol.recordings import Segment
from lab_kit.protocol.tenants import TenantSettings

VIEWS = (
    "CREATE VIEW keeping AS SELECT name AS tenant FROM tenants",
    "CREATE VIEW opened_operations AS SELECT opened(made_order) AS made_order FROM operations",
    "CREATE VIEW opened_segments AS SELECT opened(segment) AS segment FROM segments",
)
"""What the second form had at first, with a function that nobody gives SQLite any more."""
TIER = TypeAdapter(TenantSettings).dump_json(TenantSettings(retention_s=0.0)).decode()
DONE, GOING, OTHERS, FOREVER_MS = UUID(int=1), UUID(int=2), UUID(int=3), 9_000_000_000_000
SECRETS = (b"word7", b"marmalade", b"lighthouse")


def of_the_first_form(folder: Path, url: str | None = None) -> None:
    """What a server of that time would have written."""
    order = TypeAdapter(Order).dump_json(order_of()).decode()
    told = TypeAdapter(Segment).dump_json(segment(7)).decode()

    def work(rows: Rows) -> None:
        for number, state in ((DONE, "SUCCEEDED"), (GOING, "RUNNING")):
            rows.execute(
                "INSERT INTO operations (number, tenant, caller, state, made_order, created_ms,"
                " updated_ms, expires_ms) VALUES (?, 'ann', 'ann', ?, ?, 1, 1, ?)",
                (str(number), state, order, FOREVER_MS),
            )
            rows.execute("INSERT INTO segments VALUES (?, 0, ?)", (str(number), told))
        rows.execute(
            "INSERT INTO transcriptions VALUES (?, 'ann', 1, ?, 1.0, 'm', '1', 'cpu')",
            (str(DONE), FOREVER_MS),
        )
        rows.execute("INSERT INTO uploads VALUES ('3', 'ann', 'ann', ?, 0)", (FOREVER_MS,))
        rows.execute(
            "INSERT INTO answers VALUES ('ann', 'k', ?, 200, '{}', ?, ?)",
            (b"", b"marmalade", FOREVER_MS),
        )
        rows.execute(
            "INSERT INTO callbacks (message, receiver, url, headers, body, state, created_ms,"
            " next_ms) VALUES (?, ?, 'https://example.com/', '{}', 'lighthouse', 'PENDING', ?, 0)",
            (f"msg_{DONE.hex}", str(DONE), FOREVER_MS),
        )

    database = Database(lambda: folder, FORMS[:1], url=url)
    database.read_now(work)
    database.close()


def nothing_told(_: Rows, __: Operation) -> None:
    """Nobody waits for an answer."""


async def test_what_was_there_can_be_read(tmp_path: Path, database_url: str | None) -> None:
    of_the_first_form(tmp_path, database_url)
    database = Database(lambda: tmp_path, FORMS, url=database_url)
    operations = Operations(database, Allowance(9, 9), nothing_told)
    assert (await operations.transcription(ANN, DONE)).text == "word7"
    assert (await operations.get(ANN, DONE)).order.tenant == ANN
    answer = await Answers(database).begin(ANN, "k")
    assert answer is not None
    assert answer.body == b"marmalade"
    (due,) = await Callbacks(database).due(8)
    assert due.body == "lighthouse"
    database.close()


async def test_what_was_there_is_sealed(tmp_path: Path) -> None:
    of_the_first_form(tmp_path)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert all(secret in held for secret in SECRETS)  # so they are looked for as they are written
    database = Database(lambda: tmp_path, FORMS)
    await database.erase(lambda _: None)  # all of it is in the file then
    database.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret in held for secret in SECRETS)


async def test_who_makes_the_first_key_brings_it_forward_as_the_server_would(
    tmp_path: Path, database_url: str | None
) -> None:
    of_the_first_form(tmp_path, database_url)
    make_key(tmp_path, NewKey("ann"), database_url)
    database = Database(lambda: tmp_path, FORMS, lambda: bytes([0x55] * 32), database_url)
    operations = Operations(database, Allowance(9, 9), nothing_told)
    assert (await operations.transcription(ANN, DONE)).text == "word7"
    database.close()


async def test_what_was_going_on_ends_with_a_reason(
    tmp_path: Path, database_url: str | None
) -> None:
    of_the_first_form(tmp_path, database_url)
    database = Database(lambda: tmp_path, FORMS, url=database_url)
    operations = Operations(database, Allowance(9, 9), nothing_told)
    ended = await operations.get(ANN, GOING)
    assert ended.state is OperationState.FAILED
    assert ended.error is not None
    assert "send it again" in ended.error.message
    assert await operations.recover() == {}
    database.close()


async def test_a_folder_of_the_second_form_knows_providers_and_tiers(tmp_path: Path) -> None:
    of_the_first_form(tmp_path)
    second = Database(lambda: tmp_path, (FORMS[0], (*FORMS[1], *VIEWS)), lambda: ROOT)
    foreign = replace(order_of(), foreign=Foreign("assemblyai", "{}"))

    def work(rows: Rows) -> None:
        subject = subject_of(rows, ANN, None)
        text = TypeAdapter(Order).dump_json(foreign).decode()
        sealed = rows.sealer.seal(subject.wrapped, f"order {OTHERS}", text)
        rows.execute(
            "INSERT INTO operations (number, tenant, caller, state, made_order, created_ms,"
            " updated_ms, expires_ms, subject) VALUES (?, 'ann', 'ann', 'FAILED', ?, 1, 1, ?, ?)",
            (str(OTHERS), sealed, FOREVER_MS, subject.number),
        )
        rows.execute("INSERT INTO tenants VALUES ('ann', ?)", (TIER,))

    second.read_now(work)
    second.close()
    database = Database(lambda: tmp_path, FORMS, lambda: ROOT)
    operations = Operations(database, Allowance(9, 9), nothing_told)
    query = Query.of_provider("assemblyai", 9, tuple(OperationState), None, None, None)
    found = await operations.page(ANN, query)
    assert [one.number for one in found.operations] == [OTHERS]
    assert (await operations.transcription(ANN, DONE)).text == "word7"
    assert set(await operations.expire()) == {DONE, GOING, OTHERS}
    database.close()
