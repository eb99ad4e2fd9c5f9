"""Both clients at the same three tasks, with one server: what was written, and what happened."""

import ast
import asyncio
import inspect
import io
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import soundfile

from lab_kit.core.errors import LabError
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.contracts.sdk import by_generator, by_hand
from lab_kit.experiments.contracts.sdk.generating import PACKAGE, Generated, generated_client
from lab_kit.experiments.contracts.served import served_contract
from lab_kit.experiments.contracts.side_by_side import Server
from lab_kit.measure.accuracy import word_errors
from lab_kit.protocol.sandbox import Fault, SandboxKey

GENERATED, BY_HAND = "generated", "written by hand"
_CLIENTS: dict[str, ModuleType] = {GENERATED: by_generator, BY_HAND: by_hand}
_TASKS = {
    "transcript": "a recording's text",
    "live": "text while somebody speaks",
    "patient": "a text in spite of two refusals",
}
_CHUNK_BYTES, _CHUNK_S = 3_200, 0.1
_QUIET = bytes(16_000)
"""Half a second of silence after the clip, so that its last words settle."""
_BUSY = Fault(times=2, status=503, retry_after_s=0.2)
_NO_SOUND = b"this is no sound" * 100


@dataclass(frozen=True, slots=True)
class SdkRun:
    """One task by one client.

    Attributes:
        lines: that its user writes, without imports.
        first_s: from the beginning to the first text.
        errors: words wrong in the last text.
        calls: that the server saw.
    """

    client: str
    task: str
    lines: int
    first_s: float
    errors: int
    calls: int


@dataclass(frozen=True, slots=True)
class SdkRuns:
    """Every task by both.

    Attributes:
        generated: what the generator made.
        kinds: what each client's call for a transcript returns, as its annotation says.
        nonsense: what each one's user meets whose body is no sound.
    """

    runs: tuple[SdkRun, ...]
    generated: Generated
    kinds: dict[str, str]
    nonsense: dict[str, str]


async def both_sdks(server: Server, clip: Clip) -> SdkRuns:
    """Generate a client from what the server publishes, and do the tasks with it and with ours.

    Raises:
        InvalidContract: the generator makes nothing of the document.
        LabError: as `client.Operator`.
    """
    served = await served_contract(server)
    with generated_client(served.openapi) as made:
        runs = [await _run(server, clip, client, task) for task in _TASKS for client in _CLIENTS]
        nonsense = {client: await _nonsense(server, client) for client in _CLIENTS}
        kinds = _kinds()
    return SdkRuns(tuple(runs), made, kinds, nonsense)


async def _run(server: Server, clip: Clip, client: str, task: str) -> SdkRun:
    key = await server.operator.make_sandbox_key(*([_BUSY] if task == "patient" else []))
    do, began_ns = getattr(_CLIENTS[client], task), time.perf_counter_ns()
    first_s, text = 0.0, ""
    try:
        if task == "live":
            settled: list[str] = []
            async for text in do(server.url, key.key, _spoken(clip)):
                first_s = first_s or _since_s(began_ns)
                settled.append(text)
            text = settled[-1] if settled else ""
        else:
            text = await do(server.url, key.key, _wav(clip))
            first_s = _since_s(began_ns)
        journal = await server.operator.journal(key)
    finally:
        await _forget(server, key)
    errors = word_errors(clip.text, text).errors
    return SdkRun(client, task, lines_of(do), first_s, errors, len(journal.entries))


async def _nonsense(server: Server, client: str) -> str:
    key = await server.operator.make_sandbox_key()
    try:
        await _CLIENTS[client].transcript(server.url, key.key, _NO_SOUND)
    except (LabError, RuntimeError) as error:
        return type(error).__name__
    finally:
        await _forget(server, key)
    return "nothing"


async def _forget(server: Server, key: SandboxKey) -> None:
    with suppress(LabError):  # the oldest go by themselves where there are too many
        await server.operator.remove_sandbox_key(key)


async def _spoken(clip: Clip) -> AsyncIterator[bytes]:
    """The clip at the pace of speech."""
    pcm, began_ns = clip.pcm16 + _QUIET, time.perf_counter_ns()
    for number, start in enumerate(range(0, len(pcm), _CHUNK_BYTES), 1):
        await asyncio.sleep(max(0.0, number * _CHUNK_S - _since_s(began_ns)))
        yield pcm[start : start + _CHUNK_BYTES]


def _wav(clip: Clip) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, clip.samples, clip.sample_rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _since_s(began_ns: int) -> float:
    return (time.perf_counter_ns() - began_ns) / 1e9


def _kinds() -> dict[str, str]:
    """What a call for a transcript is annotated to return."""
    from lab_kit.client import transcribe

    name = f"{PACKAGE}.api.default.transcribe_v1_audio_transcribe_post"
    return {
        GENERATED: _returned(import_module(name).sync),
        BY_HAND: _returned(transcribe),
    }


def _returned(function: Callable[..., Any]) -> str:
    kind = inspect.signature(function).return_annotation
    names = getattr(kind, "__args__", (kind,))
    return " or ".join("None" if one is type(None) else one.__name__ for one in names)


def lines_of(function: Callable[..., Any]) -> int:
    """Lines of a function's body, all formatted alike, without its docstring and imports."""
    return len(_body(function).splitlines())


def code_of(task: str, client: str) -> str:
    """What a client's user writes for a task, imports included.

    Args:
        task: ``transcript``, ``live`` or ``patient``.
        client: `GENERATED` or `BY_HAND`.

    Raises:
        KeyError: there is no such client.
    """
    return inspect.getsource(getattr(_CLIENTS[client], task))


def _body(function: Callable[..., Any]) -> str:
    told = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(told, ast.AsyncFunctionDef)
    kept = [
        one
        for one in told.body
        if (not isinstance(one, ast.ImportFrom) and not isinstance(one, ast.Expr | ast.Import))
        or (isinstance(one, ast.Expr) and not isinstance(one.value, ast.Constant))
    ]
    return "\n".join(ast.unparse(one) for one in kept)


def sdks_table(found: SdkRuns) -> Table:
    """A row for each task and client."""
    rows = [
        (
            _TASKS[one.task],
            one.client,
            str(one.lines),
            f"{one.first_s:.1f}",
            str(one.errors),
            str(one.calls),
        )
        for one in found.runs
    ]
    made = found.generated
    notes = [
        f"Generated in {made.seconds:.1f} s: {made.lines:,} lines in {made.files} files;"
        f" {len(made.left_out)} times the generator left something out; files that had to be mended"
        f" before they could be imported: {made.mended}.",
        *(
            f"A call for a transcript, {name}: returns {kind}."
            for name, kind in found.kinds.items()
        ),
        *(
            f"A body that is no sound, {name}: {met} is raised."
            for name, met in found.nonsense.items()
        ),
    ]
    head = ("task", "client", "lines", "first text s", "words wrong", "calls")
    return Table("task and client", head, rows, notes, left=2)
