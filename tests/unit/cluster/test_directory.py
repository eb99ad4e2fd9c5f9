"""Which replica a stream is sent to, as replicas come, fill, leave and fall silent."""

from dataclasses import replace

import pytest

from lab_kit.cluster.directory import MOST_REPLICAS, STALE_S, Directory
from lab_kit.cluster.policy import replicas_for
from lab_kit.core.errors import SystemOverloaded
from lab_kit.protocol.cluster import Report
from lab_kit.scale.placement import Headroom, Least

REPORT = Report("http://127.0.0.1:1", "127.0.0.1:2", "node-1", 1, 0, 2, "full", 7)


def test_who_has_the_most_free_places_gets_the_next_until_none_is_left() -> None:
    directory = Directory(Headroom())
    directory.report("a", REPORT, 0.0)
    directory.report("b", replace(REPORT, places=3), 0.0)
    placed = [directory.place(0.1).replica for _ in range(5)]
    assert sorted(placed) == ["a", "a", "b", "b", "b"]
    assert placed[0] == "b"
    with pytest.raises(SystemOverloaded) as raised:
        directory.place(0.2)
    assert raised.value.retry_after_s is not None


def test_a_report_counts_in_place_of_what_was_placed_before_it() -> None:
    directory = Directory(Least())
    directory.report("a", REPORT, 0.0)
    directory.place(0.1)
    directory.report("a", replace(REPORT, streams=1), 0.2)
    assert directory.place(0.3).replica == "a"
    with pytest.raises(SystemOverloaded):
        directory.place(0.4)


def test_nobody_is_sent_to_who_leaves_or_is_gone_or_silent() -> None:
    directory = Directory(Least())
    directory.report("leaving", replace(REPORT, is_leaving=True), 0.0)
    directory.report("removed", REPORT, 0.0)
    directory.report("silent", REPORT, 0.0)
    directory.report("there", replace(REPORT, streams=1), STALE_S)
    directory.remove("removed")
    directory.remove("never known")
    assert directory.place(STALE_S + 0.01).replica == "there"
    assert [one.name for one in directory.replicas(STALE_S + 0.01)] == ["there"]


def test_there_are_only_so_many_until_they_fall_silent() -> None:
    directory = Directory(Least())
    for number in range(MOST_REPLICAS):
        directory.report(str(number), REPORT, 0.0)
    with pytest.raises(SystemOverloaded):
        directory.report("one more", REPORT, 0.1)
    directory.report("0", REPORT, 0.1)
    directory.report("one more", REPORT, 2 * STALE_S)


@pytest.mark.parametrize(("streams", "replicas"), [(0, 1), (3, 1), (4, 2), (12, 4), (100, 5)])
def test_there_are_as_many_as_the_streams_need_with_room_for_more(
    streams: float, replicas: int
) -> None:
    assert replicas_for(streams, places=4, least=1, most=5) == replicas
