"""The bench: starts a real server process, talks to it, stops it.

The server lives in a process of its own and dies with this one, however this one ends: it is
told by a closing pipe, it looks whether its parent is still there, and at a normal exit we stop it.
"""

import asyncio
import atexit
import json
import os
import secrets
import shutil
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lab_kit import client
from lab_kit.bench.caller import Caller
from lab_kit.core.child_process import HOST, LOG_TAIL_LINES, Child, Probe
from lab_kit.core.events import StreamOptions
from lab_kit.core.spans import Trace, read_traces
from lab_kit.database.sealing import ROOT_KEY
from lab_kit.datasets import Clip
from lab_kit.engine.batching import Batching
from lab_kit.experiments import load
from lab_kit.gateway.door.keys import KEY_VARIABLE, OPERATOR_KEY_VARIABLE
from lab_kit.gateway.observe.audit.log import AUDIT_KEY
from lab_kit.gateway.observe.trace_file import FILE_VARIABLE, SHARE_VARIABLE
from lab_kit.gateway.operator.versions_api import policy_of
from lab_kit.gateway.run.authority import certificate_path, new_identity
from lab_kit.gateway.run.certificates import OWN
from lab_kit.gateway.run.options import BY_LISTS, DEFAULT_MODEL
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.store import ModelStore
from lab_kit.models.store.version import Settings

READY_PATH = "/readyz"
TRACES = "traces.jsonl"
AUDIT = "audit"
STATE = "state"
FLUSH_S = 0.6
"""A few times what the server takes to write its spans."""
_DAMAGE_BYTES = 64
_Limits = tuple[tuple[str, float], ...]
_Started = tuple[str | None, str, tuple[str, ...], _Limits, bool, bool, bool, tuple[str, ...], int]
"""What a server was started with: key, model, hosts, limits, mutual TLS, audit, state, regions,
engines."""


class Bench(Caller):
    """A running server, and a caller beside it.

    Attributes:
        operator: loads, frees and labels the versions that the server serves.
        repository: the versions on disk, of this server alone.
        model: the catalog's name of what it serves.
        tls_url: where it speaks TLS, with whoever shows a certificate; empty where it does not.
        secrets: its own, by the variable that it has each from: for whoever plays the thief.
    """

    _running: ClassVar["dict[_Started, Bench]"] = {}

    def __init__(
        self,
        child: Child,
        key: str | None,
        operator: client.Operator,
        repository: Repository,
        model: str,
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__(client.ServerAddress(child.url, key), device="unknown")
        self.operator = operator
        self.repository = repository
        self.model = model
        self.tls_url = ""
        self.secrets = dict(secrets)
        self._child = child

    @classmethod
    def start(
        cls,
        key: str | None = None,
        model: str = DEFAULT_MODEL,
        allowed_hosts: tuple[str, ...] = (),
        limits: Mapping[str, float] | None = None,
        *,
        mutual_tls: bool = False,
        audit: bool = False,
        state: bool = False,
        regions: tuple[str, ...] = (),
        engines: int = 0,
    ) -> "Bench":
        """Start a server, or return the one that this process started before with the same.

        Returns once its weights are loaded and a warm-up inference is done. It serves version 1
        of ``model`` from a repository of its own, which goes when it stops.

        Args:
            allowed_hosts: where webhooks may go, and recordings be fetched from, though it is not
                public.
            limits: limits other than the usual ones, by their names in ``docs/server.md``.
            mutual_tls: it has a port with TLS, too, where clients show a certificate.
            audit: it keeps an audit log.
            state: what it keeps is in `state_folder`, and not in a folder that nobody is told of.
            regions: where it is and, behind that, what others there are, such as ``eu-west:eu``.
            engines: processes that decode, beside one that stands by; 0 for the server's own.

        Raises:
            ServerFailed: it ended or did not become ready; the end of its log is in the error.
        """
        named = tuple(sorted((limits or {}).items()))
        flags = mutual_tls, audit, state
        started: _Started = (key, model, allowed_hosts, named, *flags, regions, engines)
        known = cls._running.get(started)
        if known is not None and known.alive:
            return known
        bench = cls._launch(*started)
        try:
            ready = json.loads(bench._child.wait_until_ready(READY_PATH))
        except BaseException:  # also an interrupt: leave no server behind
            bench.stop()
            raise
        bench.device = ready["device"]
        bench.address = replace(bench.address, grpc=f"{HOST}:{ready['grpc_port']}")
        if mutual_tls:
            bench.tls_url = f"https://{HOST}:{ready['tls_port']}"
        cls._running[started] = bench
        return bench

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._child.alive

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._child.pid

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What ``/readyz`` said while the server started, each change once."""
        return tuple(self._child.probes)

    def readiness(self) -> Probe:
        """What ``/readyz`` says now."""
        return self._child.probe(READY_PATH)

    @property
    def state_folder(self) -> Path:
        """Where it keeps what it was asked to keep, if it was started so."""
        return self.repository.root / STATE

    @property
    def audit_folder(self) -> Path:
        """Where its audit log is, if it has one."""
        return self.repository.root / AUDIT

    @property
    def trace_file(self) -> Path:
        """Where it writes its traces."""
        return self.repository.root / TRACES

    @property
    def grpc_address(self) -> str:
        """Where it speaks gRPC, such as ``127.0.0.1:41235``."""
        return self.address.grpc or ""

    def shown_certificate(self, name: str) -> ssl.SSLContext:
        """How somebody connects to `tls_url` who has a certificate of the lab's own authority.

        Args:
            name: in the certificate, such as ``client.example``; each call makes another one.

        Raises:
            NotInstalled, StateUnusable: the authority cannot be used.
        """
        context = ssl.create_default_context(cafile=str(certificate_path()))
        made = new_identity(name)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the library reads files alone
            file.write(made.key + made.chain)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def with_key(self, key: str) -> "Caller":
        """Somebody else who talks to the same server, by another key."""
        return Caller(replace(self.address, key=key), self.device)

    @contextmanager
    def behind(self, network: load.Network) -> Iterator["Caller"]:
        """The same server, seen through a network; what passes is counted."""
        with load.between(self.address, network) as address:
            yield Caller(address, self.device)

    @contextmanager
    def far_away(self, one_way_s: float) -> Iterator["Caller"]:
        """The same server, seen from behind ``one_way_s`` of network each way.

        Raises:
            InvalidParameter: see `load.Network`.
        """
        with self.behind(load.Network(one_way_s)) as caller:
            yield caller

    async def in_turn(self, clip: Clip, requests: int) -> load.ClosedLoopRun:
        """Transcribe the clip ``requests`` times, one after the other."""
        return await load.in_turn([lambda: self.transcribe(clip)] * requests, self.pid)

    async def at_once(self, clip: Clip, requests: int) -> load.ClosedLoopRun:
        """Transcribe the clip ``requests`` times, all at the same moment."""
        return await load.at_once([lambda: self.transcribe(clip)] * requests, self.pid)

    @asynccontextmanager
    async def neighbours(self, clip: Clip, callers: int) -> AsyncIterator[None]:
        """While the block runs, ``callers`` others have the clip transcribed again and again."""
        async with load.neighbours(lambda: self.transcribe(clip), callers):
            yield

    def publish(
        self,
        *,
        tokens_per_audio_s: float | None = None,
        kv: str | None = None,
        kv_slots: int | None = None,
        drafts: str | None = None,
    ) -> int:
        """Publish the verified weights as a new version on disk; returns its number.

        The server serves it once an operator has loaded and labelled it. What is None is the
        model's own choice; see `models.store.version.Settings`.

        Args:
            tokens_per_audio_s: where decoding is cut off. Less than speech holds gives a version
                that is quietly bad.

        Raises:
            InvalidParameter: a setting has no meaning.
            ModelStoreError: the weights are missing, or the disk is full.
        """
        files = ModelStore().path(self.model).paths
        settings = Settings(tokens_per_audio_s, kv, kv_slots, drafts)
        return self.repository.publish(self.model, files, settings).number

    def damage(self, version: int) -> None:
        """Overwrite a little of a version's largest file: a fault to be found when it loads.

        The file is replaced, so that no linked copy changes, and what a server holds in memory
        stays as it was.

        Raises:
            VersionNotFound: there is no such version.
        """
        folder = self.repository.folder(self.model, version)
        largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        middle = len(content) // 2
        content[middle : middle + _DAMAGE_BYTES] = os.urandom(_DAMAGE_BYTES)
        largest.unlink()
        largest.write_bytes(content)

    async def traces(self, name: str = "stream") -> list[Trace]:
        """The server's traces of streams (or ``request``), in the order in which they ended.

        Waits until the server has written what it has.
        """
        await asyncio.sleep(FLUSH_S)
        file = self.trace_file
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        return [t for t in read_traces(lines) if t.root.name == name]

    async def exemplars(self, metric: str) -> dict[str, float]:
        """Traces that a metric's buckets point to, each with the value seen there, longest first.

        Args:
            metric: a histogram's name, such as ``lab_final_wait_seconds``.
        """
        found = await client.exemplars(self.url, metric)
        return dict(sorted(found.items(), key=lambda one: one[1], reverse=True))

    async def full_service(self, patience_s: float = 60.0) -> client.DegradationStatus:
        """Wait until the service is full again; returns how it got there, or how far it is.

        Args:
            patience_s: give up waiting after so long.
        """
        until_s = time.perf_counter() + patience_s
        while (level := await self.operator.degradation()).level:
            if time.perf_counter() > until_s:
                break
            await asyncio.sleep(0.25)
        return level

    async def load(
        self,
        plan: load.CallPlan,
        clips: Sequence[Clip],
        *,
        options: StreamOptions | None = None,
        warm_up_s: float = 0.0,
    ) -> load.LiveLoad:
        """Have callers speak as the plan says, and return what each of them saw.

        Raises:
            ConnectionFailed, InvalidParameter: see `load.call_all`.
        """
        return await load.call_all(self, plan, clips, options=options, warm_up_s=warm_up_s)

    async def use(self, batching: Batching) -> None:
        """Change the batching policy while the server runs, for all its versions.

        Raises:
            ConnectionFailed: the server cannot be reached, or refused it.
        """
        await self.operator.set_batching(policy_of(batching))

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The end of the server's log."""
        return self._child.log_tail(lines)

    def stop(self) -> None:
        """Stop the server and wait until it is gone; harmless if it is already."""
        self._child.stop()
        shutil.rmtree(self.repository.root, ignore_errors=True)
        atexit.unregister(self.stop)
        Bench._running = {k: b for k, b in Bench._running.items() if b is not self}

    @classmethod
    def _launch(
        cls,
        key: str | None,
        model: str,
        allowed_hosts: tuple[str, ...],
        limits: _Limits,
        mutual_tls: bool,
        audit: bool,
        state: bool,
        regions: tuple[str, ...],
        engines: int,
    ) -> "Bench":
        repository = Repository(Path(tempfile.mkdtemp(prefix="lab-repository-")))
        operator_key = secrets.token_urlsafe()
        kept = {one.variable: secrets.token_hex(one.length_bytes) for one in (AUDIT_KEY, ROOT_KEY)}
        child = Child(
            "lab_kit.gateway.run.process",
            (
                "--model",
                model,
                "--repository",
                str(repository.root),
                "--ephemeral",
                # the same whatever is installed, and ready a second sooner
                "--names",
                BY_LISTS,
                *(f"--allow-host={host}" for host in allowed_hosts),
                *(f"--limit={name}={value}" for name, value in limits),
                *(("--tls-port", "0", "--client-authority", OWN) if mutual_tls else ()),
                *(("--audit", str(repository.root / AUDIT)) if audit else ()),
                *(("--state", str(repository.root / STATE)) if state else ()),
                *("--engines", str(engines)),
                *(f"--region={name}" for name in regions[:1]),
                *(f"--other-region={name}" for name in regions[1:]),
            ),
            # keys in our own environment are meant for servers started by hand
            {
                KEY_VARIABLE: key or "",
                OPERATOR_KEY_VARIABLE: operator_key,
                **kept,
                FILE_VARIABLE: str(repository.root / TRACES),
                SHARE_VARIABLE: "1",  # a lab looks at all of them
            },
        )
        operator = client.Operator(child.url, operator_key)
        bench = cls(child, key, operator, repository, model, kept)
        atexit.register(bench.stop)
        return bench
