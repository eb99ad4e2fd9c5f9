"""A stream's line in the log: the ids that lead there, and no word of what was said."""

import logging

import pytest

from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.experiments.objectives.spike import stream_in
from lab_kit.gateway.observe.stream_log import StreamLog
from lab_kit.gateway.observe.work import (
    Delivery,
    Ended,
    LiveResult,
    Outcome,
    Reached,
    Work,
    WorkKind,
)

TRACE = "0123456789abcdef" * 2


def work(kind: WorkKind = WorkKind.STREAM) -> Work:
    return Work(kind, StreamIdentity.new(), TenantId("acme"), 3)


def test_a_stream_has_one_line_with_its_slowest_final(caplog: pytest.LogCaptureFixture) -> None:
    log, stream = StreamLog(), work()
    with caplog.at_level(logging.INFO):
        log.opened(stream)
        log.delivered(stream, Delivery(False, 1.0, None, TRACE, live=LiveResult(9.0, 9.0)))
        for late_s in (0.2, 1.825, 0.3):
            log.delivered(stream, Delivery(True, 1.0, 0.1, TRACE, live=LiveResult(2.0, late_s)))
        log.delivered(stream, Delivery(True, 1.0, 0.1, TRACE))
        log.ended(stream, Ended(1000, Reached(submitted_s=11.0), outcome=Outcome.SERVED))
        log.ended(stream, Ended(1000, Reached(submitted_s=11.0)))
    (line,) = caplog.messages
    assert line == (
        f"stream {stream.identity.stream} served by 1000: version 3, 11.0 s of sound, 4 finals,"
        f" slowest 1.825 s, trace {TRACE}"
    )
    assert stream_in(line) == str(stream.identity.stream)
    assert "acme" not in line


def test_what_is_not_sampled_or_no_stream_says_so(caplog: pytest.LogCaptureFixture) -> None:
    log, stream, recording = StreamLog(), work(), work(WorkKind.RECORDING)
    with caplog.at_level(logging.INFO):
        for one in (stream, recording):
            log.opened(one)
            log.delivered(one, Delivery(True, 1.0))
            log.ended(one, Ended(1006, Reached(submitted_s=1.0)))
    (line,) = caplog.messages
    assert line.endswith(
        "left by 1006: version 3, 1.0 s of sound, 1 finals, slowest 0.000 s, trace -"
    )
    assert stream_in(line) == ""
