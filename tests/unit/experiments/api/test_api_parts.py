"""What needs no server of lab 07's experiments: plans, persistence, computed rows, signatures."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hang import HANG_S
from receiver import Receiver as Listener
from standardwebhooks import Webhook

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.client import Retries, RetryBudget
from lab_kit.core.call_record import Spoken
from lab_kit.core.errors import ConnectionFailed, InvalidAudioFormat, SystemOverloaded
from lab_kit.experiments.api import Fault, Journal, Polite, Stubborn, Surge, Way, kinds
from lab_kit.experiments.api.faults import FULL, LOST, UNFIT, Entry
from lab_kit.experiments.api.receiver import Attempted, forgeries, is_valid
from lab_kit.experiments.api.refusals import kinds_table, misled_by_status
from lab_kit.experiments.api.storm import BIN_S, per_s
from lab_kit.experiments.api.ways import computed_stream, three_ways
from lab_kit.measure.guess import Guess

BUSY = SystemOverloaded("full", "room", "wait", retry_after_s=2.0)
UNFIT_ERROR = InvalidAudioFormat("noise", "sound", "send sound")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_surge_is_calm_then_not_then_calm() -> None:
    plan = Surge(2.0, 10.0, before_s=2.0, surge_s=1.0, after_s=3.0)
    times_s = plan.times_s()
    assert plan.seconds == 6.0
    assert times_s == sorted(times_s)
    assert [sum(a <= t < b for t in times_s) for a, b in ((0, 2), (2, 3), (3, 6))] == [4, 10, 6]


def test_attempts_are_counted_by_the_second_and_none_is_left_out() -> None:
    bins = per_s([0.0, 0.1, 0.5, 0.9, 7.0], 1.0)
    assert bins == [(0.0, 2 / BIN_S), (0.5, 3 / BIN_S)]


def test_who_does_not_listen_waits_the_same_whatever_it_is_told() -> None:
    client = Stubborn(0.25, attempts=3)
    assert [client.again_s(n, BUSY) for n in (1, 2, 3)] == [0.25, 0.25, None]
    assert client.again_s(1, UNFIT_ERROR) is None


def test_who_listens_waits_what_it_is_told_until_its_budget_is_used_up() -> None:
    client = Polite(Retries(budget=RetryBudget(most=2.0)))
    waits = [client.again_s(1, BUSY) for _ in range(3)]
    assert all(wait_s is not None and wait_s >= 2.0 for wait_s in waits[:2])
    assert waits[2] is None
    for _ in range(11):  # a tenth each, and floats lose a little
        client.succeeded()
    assert client.again_s(1, BUSY) is not None
    assert client.again_s(1, UNFIT_ERROR) is None


def test_a_stream_that_was_not_made_is_computed_from_where_the_speech_ends() -> None:
    spoken = (Spoken("so it was", 0.5, 58.0),)
    source = PacedRecording("a minute", np.zeros(60 * 16_000, np.float32), spoken)
    row = computed_stream(source, 0.5, 0.2)
    assert (row.way, row.audio_s, row.is_measured) == (Way.STREAM, 60.0, False)
    assert (row.first_words_s, row.all_text_s) == (0.5, pytest.approx(58.2))


async def test_a_server_that_is_not_there_has_refused_nothing() -> None:
    nobody = SimpleNamespace(url="http://127.0.0.1:9", key=None, pid=os.getpid())
    source = PacedRecording("a second", np.zeros(16_000, np.float32))
    with pytest.raises(ConnectionFailed):
        await three_ways(nobody, [source])


def test_every_kind_of_error_that_is_answered_is_listed_once_with_what_to_do() -> None:
    found = kinds()
    assert len({kind.reason for kind in found}) == len(found) > 25
    rows = {row[0]: row for row in kinds_table().rows}
    assert rows["SYSTEM_OVERLOADED"][1:] == ("RESOURCE_EXHAUSTED", "503", "yes")
    assert rows["PAYLOAD_TOO_LARGE"][1:] == ("INVALID_ARGUMENT", "413", "no")
    misled = set(misled_by_status())
    assert {"QUOTA_EXCEEDED", "OPERATION_PENDING", "INTERNAL"} <= misled
    assert not {"SYSTEM_OVERLOADED", "PAYLOAD_TOO_LARGE"} & misled


def signed(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


def test_a_message_is_taken_as_it_came_and_no_other_way() -> None:
    body, now = b'{"type":"operation.succeeded"}', datetime.now(UTC)
    genuine = Attempted(0.0, 204, "msg_1", signed(body, now), body)
    checks = forgeries(genuine, SECRET)
    assert list(checks.values()) == [True, False, False, False, False]
    assert is_valid(body, signed(body, now - timedelta(minutes=4)), SECRET)
    assert not is_valid(body, signed(body, now - timedelta(minutes=6)), SECRET)
    assert not is_valid(body, signed(body, now, OTHER), SECRET)
    assert not is_valid(body, {}, SECRET)


def journal(fault: Fault) -> Journal:
    entries = (
        Entry(LOST, 0.0, "key-1", "none: the connection broke", None),
        Entry(LOST, 0.3, "key-2", "200", None),
        Entry(FULL, 0.0, "key-3", "503 SYSTEM_OVERLOADED", 2.0),
        Entry(FULL, 0.2, "key-3", "200", None),
        Entry(UNFIT, 0.0, "key-4", "400 INVALID_AUDIO_FORMAT", None),
        Entry(UNFIT, 0.2, "key-4", "400 INVALID_AUDIO_FORMAT", None),
    )
    return Journal(entries, 6.4, 9.6, fault)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.NEW_KEY, "answer lost: 2 keys for one request"),
        (Fault.HASTY, "server full: told to wait 2 s, and there again after 0.2 s"),
        (Fault.HEADSTRONG, "no recording: sent 2 times"),
    ],
)
def test_a_fault_is_revealed_with_the_line_that_shows_it(fault: Fault, said: str) -> None:
    told = journal(fault).reveal(Guess(value=Fault.NEW_KEY.value))
    assert said in told
    right = "and so it was" in told
    assert right == (fault is Fault.NEW_KEY)
    assert "10 s" in journal(fault).table.text


def test_a_client_that_was_left_alone_ends_by_itself() -> None:
    """Whoever started it has died without killing it."""
    with Listener() as listener:
        listener.holds.clear()
        module = "lab_kit.experiments.api.dying_client"
        where = ["127.0.0.1", str(listener.port), "/told", "audio/wav", "any", "a-key"]
        client = subprocess.Popen(
            [sys.executable, "-m", module, *where], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"sound")
        client.stdin.close()
        assert client.stdout.readline() == b"sent\n"
        assert client.poll() is None
        client.stdout.close()
        assert client.wait(HANG_S) == 1
        (got,) = listener.requests
    assert got.body == b"sound"
    assert got.headers["idempotency-key"] == "a-key"
