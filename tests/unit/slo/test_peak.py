"""The peak that no reader can miss."""

from lab_kit.slo.peak import Peak


def test_what_came_and_went_between_two_reads_is_there() -> None:
    peak = Peak(60)
    assert peak.read(0.0) == 0
    peak.changed(1, 1.0)
    peak.changed(2, 1.1)
    peak.changed(0, 1.2)
    assert peak.read(10.0) == 2
    assert peak.read(10.1) == 2, "reading takes nothing away"


def test_it_is_forgotten_after_its_window() -> None:
    peak = Peak(60)
    peak.changed(5, 1.0)
    peak.changed(0, 2.0)
    assert peak.read(61.0) == 5
    assert peak.read(63.1) == 0


def test_what_is_still_open_counts_however_long_ago_it_came() -> None:
    peak = Peak(60)
    peak.changed(3, 1.0)
    assert peak.read(1_000.0) == 3
    peak.changed(2, 1_000.5)
    assert peak.read(1_000.6) == 3, "three were open until just now"
    assert peak.read(1_070.0) == 2


def test_its_memory_is_bounded() -> None:
    peak = Peak(60, slices=4)
    for at in range(10_000):
        peak.changed(at % 7, at * 0.3)
    assert len(peak._kept) <= 5
    assert peak.read(3_000.0) == 6
