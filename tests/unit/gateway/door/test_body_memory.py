"""Bytes that are held are bounded, in all and a caller, and given back however a request ends."""

import asyncio

import pytest

from lab_kit.core.errors import SystemOverloaded
from lab_kit.gateway.door.body_memory import BodyMemory


def test_a_caller_holds_half_at_most_and_all_callers_the_whole() -> None:
    memory = BodyMemory(100)
    with memory.share("a") as first, memory.share("a") as second, memory.share("b") as third:
        first.hold(30)
        with pytest.raises(SystemOverloaded, match="at most 50 of one caller") as refused:
            second.hold(21)
        assert refused.value.retry_after_s > 0
        second.hold(20)
        third.hold(50)
        with memory.share("c") as fourth, pytest.raises(SystemOverloaded, match="101 in all"):
            fourth.hold(1)
        assert memory.held_bytes == 100
    assert memory.held_bytes == 0


def test_a_share_grows_to_what_was_said_and_not_by_it() -> None:
    memory = BodyMemory(100)
    with memory.share("a") as share:
        for whole in (10, 10, 30, 20):
            share.hold(whole)
        assert memory.held_bytes == 30


def test_a_failure_gives_everything_back() -> None:
    memory = BodyMemory(100)

    def fail() -> None:
        with memory.share("a") as share:
            share.hold(40)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert memory.held_bytes == 0


async def test_what_is_still_read_elsewhere_counts_until_that_has_ended() -> None:
    memory = BodyMemory(100)
    work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with memory.share("a") as share:
        share.hold(40)
        share.used_by(work)
    assert memory.held_bytes == 40
    work.set_result(None)
    await asyncio.sleep(0)
    assert memory.held_bytes == 0
