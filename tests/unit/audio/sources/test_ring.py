"""A ring that is not emptied in time: the oldest goes, is counted, and too many are an alarm."""

from lab_kit.audio.sources.ring import CaptureRing, Overflow


def filled(ring: CaptureRing, chunks: int) -> list[Overflow]:
    told = [ring.push(bytes([n % 256])) for n in range(chunks)]
    return [one for one in told if one is not None]


def test_the_newest_sound_is_kept_and_the_loss_is_told() -> None:
    ring = CaptureRing(chunk_s=0.02, capacity_s=0.04)
    told = filled(ring, 5)
    assert [one.lost for one in told] == [1, 2, 3]
    assert [ring.pop(), ring.pop(), ring.pop()] == [b"\x03", b"\x04", None]


def test_whoever_fetches_in_time_loses_nothing() -> None:
    ring = CaptureRing(chunk_s=0.02, capacity_s=0.02)
    for number in range(1_000):
        assert ring.push(bytes([number % 256])) is None
        assert ring.pop() == bytes([number % 256])


def test_more_than_one_in_a_hundred_within_a_minute_is_an_alarm() -> None:
    ring = CaptureRing(chunk_s=0.1, capacity_s=0.1)  # 600 chunks a minute: six are one in a hundred
    told = filled(ring, 8)
    assert [one.is_alarm for one in told] == [False] * 6 + [True]
    assert told[5].share == 0.01


def test_what_was_lost_a_minute_ago_no_longer_counts() -> None:
    ring = CaptureRing(chunk_s=0.1, capacity_s=0.1)
    filled(ring, 8)
    for _ in range(600):
        ring.pop()
        assert ring.push(b"") is None
    told = filled(ring, 1)
    assert told[0].lost == 8
    assert told[0].share == 1 / 600
    assert not told[0].is_alarm
