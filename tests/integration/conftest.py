"""What the server tests share: one running server, and others with limits that a test can reach."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from server_process import KEY, ServerProcess, at_full_service

from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits


@pytest.fixture(scope="session", autouse=True)
def _no_server_outlives_the_tests() -> Iterator[None]:
    yield
    for bench in tuple(Bench._running.values()):
        bench.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, Any, Any]:
    """Show, under a failure, what the servers that the test was given had to say."""
    report = yield
    if report.failed:
        given = [value for value in item.funcargs.values() if isinstance(value, Bench)]
        report.sections += [(f"log of {bench.url}", bench.log_tail(80)) for bench in given]
    return report


@pytest.fixture
def bench() -> Bench:
    """The shared server; started anew if another test has stopped it."""
    return at_full_service(Bench.start())


@pytest.fixture
def keyed_bench() -> Bench:
    """A server that accepts one key only."""
    return at_full_service(Bench.start(KEY))


@pytest.fixture(scope="session")
def strict_server() -> Iterator[ServerProcess]:
    """A server whose limits are small, so that reaching one takes seconds and not half an hour.

    They are long for a client that is alive: none is held up for so long on a busy machine.
    """
    limits = Limits(
        streams=6,
        stream_audio_s=20.0,
        recording_audio_s=20.0,
        upload_bytes=1_500_000,
        message_bytes=100_000,
        idle_s=5.0,
        unsent_s=2.0,
        resume_window_s=2.0,
    )
    with ServerProcess(limits, send_buffer_bytes=4_096) as server:
        yield server
