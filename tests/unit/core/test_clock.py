"""The estimate of how two processes' clocks relate."""

import random
import time

import pytest

from lab_kit.core.clock import ClockProbe, best_offset, seconds_of, wall_clock_iso


@pytest.mark.parametrize("skew_ns", [0, 7_000_000_000, -3_000_000_000])
def test_the_offset_is_exact_when_both_ways_take_equally_long(skew_ns: int) -> None:
    probe = ClockProbe(1_000, 1_500 + skew_ns, 1_700 + skew_ns, 2_200)
    offset = probe.offset()
    assert offset.offset_ns == -skew_ns
    assert offset.error_ns == 500
    assert offset.to_local(1_700 + skew_ns) == 1_700


def test_the_true_offset_lies_within_the_stated_error_however_the_path_splits() -> None:
    chance = random.Random(1)
    for _ in range(300):
        skew, out, back, thinking = (chance.randrange(1, 10**7) for _ in range(4))
        remote = 50 + out + skew
        probe = ClockProbe(50, remote, remote + thinking, 50 + out + thinking + back)
        offset = probe.offset()
        assert abs(offset.offset_ns + skew) <= offset.error_ns + 1


def test_the_fastest_exchange_is_believed() -> None:
    slow = ClockProbe(0, 900, 900, 1_000)
    fast = ClockProbe(2_000, 2_051, 2_051, 2_100)
    assert best_offset([slow, fast, slow]) == fast.offset()


def test_what_was_written_for_people_can_be_read_by_machines() -> None:
    assert seconds_of("1970-01-02T00:00:01Z") == 86_401
    before_s = int(time.time())
    assert before_s <= seconds_of(wall_clock_iso()) <= time.time()


def test_another_way_to_write_a_time_is_no_time() -> None:
    with pytest.raises(ValueError, match="does not match"):
        seconds_of("1970-01-02 00:00:01")
