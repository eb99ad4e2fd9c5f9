"""Writes what happened into a log that only grows: in order, in batches, on a thread of its own.

Nobody waits for the disk. What happened is put into a queue, is written a tenth of a second later,
and is flushed before it counts as written. Where the disk is full the queue fills, and then records
are lost: that is counted at once, and a record says so as soon as one can be written again. What a
server that is killed had in its queue is lost without that; its log then was not closed, which
shows in the log as well.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import InvalidParameter, StateUnusable
from lab_kit.database.secret import Secret
from lab_kit.gateway.observe.audit.files import (
    CHECKPOINTS_FILE,
    LOG_FILE,
    Found,
    GrowingFile,
    flush_folder,
    found,
)
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.governance.allowance import Allowance
from lab_kit.governance.checkpoint import SEED_BYTES
from lab_kit.governance.record import Action, Entry, Head

MOST_WAITING = 10_000
"""Entries: some 5 MB, and seconds of the busiest server."""
BATCH_S = 0.1
"""More comes meanwhile; one flush of the disk for all of it."""
MOST_IN_BATCH = 1_000
SIGN_AFTER, SIGN_S = 1_000, 60.0
"""Records after which a checkpoint is due, and seconds."""
AFTER_FAILURE_S = 1.0
CLOSE_S = 10.0
"""For the last batch; a disk that does not answer must not keep the server from its end."""
AUDIT_FOLDER = "audit"
"""In a server's folder."""
AUDIT_KEY = Secret(
    "the key that signs the audit log",
    "LAB_AUDIT_KEY",
    "audit-key",
    SEED_BYTES,
    "a log that another key signed is not gone on with",
)
_TASK = "audit"


@dataclass(frozen=True, slots=True)
class Written:
    """How far the log has got on the disk.

    Attributes:
        signed: records that the last checkpoint is about.
    """

    head: Head
    end_bytes: int
    checkpoint: str
    signed: int


class AuditLog:
    """One server's.

    Args:
        seed: gives the signing key, when the log is opened.
        most_waiting: entries that are not written yet.
    """

    def __init__(
        self,
        folder: Path,
        seed: Callable[[], bytes],
        metrics: Metrics,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.folder = folder
        self._seed = seed
        self._metrics = metrics
        self._most_waiting = most_waiting
        self._waiting: deque[Entry] = deque()
        self._allowance = Allowance()
        self._lost, self._lost_since_ms = 0, 0
        self._asked: list[Future[str]] = []
        self._lock = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=_TASK, daemon=True)
        self._is_running = False
        self._signed_at_s = 0.0
        self._files: tuple[GrowingFile, GrowingFile] | None = None
        self._found: Found | None = None
        self.written = Written(Head(), 0, "", 0)

    @property
    def verifier_key(self) -> str:
        """What whoever checks the log needs; empty until it is open."""
        return "" if self._found is None else self._found.signer.verifier_key

    def open(self) -> None:
        """Go on behind what is there, and begin to write.

        Raises:
            StateUnusable: the files cannot be used, or are not as they were signed.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ExitStack() as opened:
                log = opened.enter_context(closing(GrowingFile(self.folder / LOG_FILE)))
                log.lock()
                path = self.folder / CHECKPOINTS_FILE
                checkpoints = opened.enter_context(closing(GrowingFile(path)))
                flush_folder(self.folder)
                at = self._found = found(log, checkpoints, self._seed())
                opened.pop_all()
        except OSError as error:
            raise StateUnusable(
                f"{self.folder}: {error}",
                "a folder that can be written",
                "start the server with another --audit folder",
            ) from error
        self._files = log, checkpoints
        self.written = Written(at.head, log.end_bytes, at.checkpoint, at.signed)
        now_ms = since_1970_ms()
        first = [Entry(Action.LOG_OPENED, now_ms, about={"origin": at.signer.name})]
        if at.torn_bytes:
            first.append(Entry(Action.LOG_TORN, now_ms, about={"bytes": at.torn_bytes}))
        with self._lock:
            self._waiting.extendleft(reversed(first))
        self._signed_at_s = time.monotonic()
        self._is_running = True
        self._wake.set()
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Record it, soon; never waits, and never fails."""
        with self._lock:
            if self._allowance.take(entry):
                if len(self._waiting) < self._most_waiting and not self._closing.is_set():
                    self._waiting.append(entry)
                else:
                    self._lose(entry.at_ms)
        if not self._wake.is_set():
            self._wake.set()

    def signed(self) -> "Future[str]":
        """A checkpoint of all that was put until now, once it is written."""
        asked: Future[str] = Future()
        with self._lock:
            if self._is_running:
                self._asked.append(asked)
            else:
                asked.set_exception(_closed())
        self._wake.set()
        return asked

    def close(self) -> None:
        """Write and sign what is left."""
        self._closing.set()
        self._wake.set()
        if self._found is None:
            return
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._metrics.background_failures.note(_TASK, TimeoutError("the disk does not answer"))

    # -- on the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(SIGN_S)
            self._closing.wait(BATCH_S)
            self._wake.clear()
            if not self._turn(is_last=False):
                self._closing.wait(AFTER_FAILURE_S)
                self._wake.set()
        self._turn(is_last=True)
        with self._lock:
            self._is_running, asked = False, self._asked
        self._refuse(asked, _closed())
        for file in self._files or ():
            file.close()

    def _turn(self, is_last: bool) -> bool:
        """Write what waits, and sign where that is due; False where the disk refuses."""
        with self._lock:
            asked, self._asked = self._asked, []
        try:
            while entries := self._taken(is_last):
                self._write(entries)
            if is_last:  # behind what is said of records that are missing
                self._waiting.append(Entry(Action.LOG_CLOSED, since_1970_ms()))
                self._write(list(self._waiting))
            if asked or is_last or self._is_due:
                self._sign()
        except Exception as error:  # whatever it is, the next turn may do better
            self._metrics.background_failures.note(_TASK, error)
            self._refuse(asked, _unwritable(self.folder, error))
            return False
        for one in asked:
            if one.set_running_or_notify_cancel():  # whoever asked may have gone
                one.set_result(self.written.checkpoint)
        return True

    def _taken(self, is_last: bool) -> list[Entry]:
        """The next that are to be written; they stay in the queue until they are."""
        now_ms = since_1970_ms()
        with self._lock:
            if (counted := self._allowance.counted(now_ms, 0 if is_last else 1_000)) is not None:
                self._waiting.append(counted)
            if self._lost and len(self._waiting) < self._most_waiting:
                about = {"records": self._lost, "since_ms": self._lost_since_ms}
                self._waiting.append(Entry(Action.LOG_LOST, now_ms, about=about))
                self._lost = 0
            return list(islice(self._waiting, MOST_IN_BATCH))

    def _write(self, entries: list[Entry]) -> None:
        assert self._files is not None
        head, lines, unfit = self.written.head, [], []
        for entry in entries:
            try:
                line = head.line(entry)
            except InvalidParameter as error:  # our own mistake, which must not end the log
                self._metrics.background_failures.note(_TASK, error)
                unfit.append(entry)
                continue
            head = head.after(line)
            lines.append(line + b"\n")
        log, _ = self._files
        log.append(b"".join(lines))
        self.written = Written(head, log.end_bytes, self.written.checkpoint, self.written.signed)
        self._metrics.audit_records.inc(len(lines))
        with self._lock:
            for _ in entries:
                self._waiting.popleft()
            for entry in unfit:
                self._lose(entry.at_ms)

    @property
    def _is_due(self) -> bool:
        unsigned = self.written.head.tree.size - self.written.signed
        is_time = time.monotonic() - self._signed_at_s >= SIGN_S
        return unsigned >= SIGN_AFTER or (unsigned > 0 and is_time)

    def _sign(self) -> None:
        assert self._files is not None
        assert self._found is not None
        tree = self.written.head.tree
        if tree.size != self.written.signed:
            checkpoint = self._found.signer.checkpoint(tree.size, tree.root)
            log, checkpoints = self._files
            checkpoints.append(checkpoint.encode())
            self.written = Written(self.written.head, log.end_bytes, checkpoint, tree.size)
        self._signed_at_s = time.monotonic()

    @staticmethod
    def _refuse(asked: list[Future[str]], error: StateUnusable) -> None:
        for one in asked:
            if one.set_running_or_notify_cancel():
                one.set_exception(error)

    def _lose(self, at_ms: int) -> None:
        if not self._lost:
            self._lost_since_ms = at_ms
        self._lost += 1
        self._metrics.audit_lost.inc()


def _closed() -> StateUnusable:
    return StateUnusable("an audit log that is closed", "one that is written", "start the server")


def _unwritable(folder: Path, error: Exception) -> StateUnusable:
    return StateUnusable(
        f"{folder}: {error}", "a log that can be written", "see whether the disk is full"
    )
