"""What a network does to packets, without one: delay, order, loss, a narrow line."""

import math
from collections.abc import Callable

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.networks.network import RETRANSMIT_S, Link, Network, chances


def never() -> float:
    return 0.999


def scripted(*values: float) -> Callable[[], float]:
    left = iter(values)
    return lambda: next(left)


def test_what_is_sent_arrives_one_delay_later() -> None:
    for is_reliable in (True, False):
        link = Link(Network(one_way_s=0.08), is_reliable, never)
        assert link.arrival_s(1.0, 100) == pytest.approx(1.08)


def test_a_reliable_lane_keeps_the_order_and_the_other_does_not() -> None:
    jittery = Network(one_way_s=0.05, jitter_s=0.1)
    late_then_soon = (0.9, 0.5, 0.0, 0.5)  # jitter, loss, jitter, loss
    tcp, udp = (Link(jittery, kind, scripted(*late_then_soon)) for kind in (True, False))
    first, second = tcp.arrival_s(1.0, 10), tcp.arrival_s(1.01, 10)
    assert first == second == pytest.approx(1.14)
    first, second = udp.arrival_s(1.0, 10), udp.arrival_s(1.01, 10)
    assert first == pytest.approx(1.14)
    assert second == pytest.approx(1.06)


def test_a_lost_packet_is_gone_on_udp_and_holds_up_the_rest_on_tcp() -> None:
    """Head-of-line blocking: the second packet was not lost, and waits all the same."""
    lossy = Network(one_way_s=0.05, loss=0.1)
    second_is_lost = (0.0, 0.5, 0.0, 0.05, 0.0, 0.5)
    tcp, udp = (Link(lossy, kind, scripted(*second_is_lost)) for kind in (True, False))
    assert [udp.arrival_s(at_s, 100) for at_s in (1.0, 1.02, 1.04)] == [
        pytest.approx(1.05),
        None,
        pytest.approx(1.09),
    ]
    held_up_s = 1.07 + 0.02 + 0.1  # the next packet shows the gap, and a round trip repairs it
    assert tcp.arrival_s(1.0, 100) == pytest.approx(1.05)
    assert tcp.arrival_s(1.02, 100) == pytest.approx(held_up_s)
    assert tcp.arrival_s(1.04, 100) == pytest.approx(held_up_s)


@pytest.mark.parametrize("before_s", [None, 5.0])
def test_where_nothing_shows_the_gap_a_timeout_has_to(before_s: float | None) -> None:
    lossy = Network(one_way_s=0.05, loss=0.1)
    link = Link(lossy, True, scripted(*([0.0, 0.5] if before_s else []), 0.0, 0.05))
    if before_s is not None:
        link.arrival_s(before_s, 100)
    assert link.arrival_s(10.0, 100) == pytest.approx(10.05 + RETRANSMIT_S + 0.1)


def test_a_young_connection_loses_nothing_if_that_is_asked() -> None:
    always = scripted(*[0.0] * 8)
    link = Link(Network(loss=0.5, calm_s=1.0), False, always)
    assert [link.arrival_s(at, 10) is None for at in (5.0, 5.9, 6.0, 7.0)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_large_piece_is_many_packets_and_is_lost_more_often() -> None:
    network = Network(loss=0.02)
    share = {}
    for size in (1_000, 30_000):
        link, chance = Link(network, True, chances(network)), 0
        for number in range(2_000):
            arrived = link.arrival_s(number * 10.0, size)
            chance += arrived is not None and arrived > number * 10.0 + 0.1
        share[size] = chance / 2_000
    assert share[1_000] == pytest.approx(0.02, abs=0.01)
    assert share[30_000] == pytest.approx(1 - 0.98**21, abs=0.04)


def test_a_narrow_line_queues_and_drops_only_where_it_may() -> None:
    narrow = Network(bytes_per_s=1_000)
    tcp, udp = (Link(narrow, kind, never) for kind in (True, False))
    assert [tcp.arrival_s(0.0, 500) for _ in range(3)] == pytest.approx([0.5, 1.0, 1.5])
    arrivals = [udp.arrival_s(0.0, 500) for _ in range(3)]
    assert arrivals[:2] == pytest.approx([0.5, 1.0])
    assert arrivals[2] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"one_way_s": -0.1},
        {"one_way_s": 80.0},
        {"jitter_s": math.inf},
        {"loss": 1.0},
        {"loss": -0.1},
        {"bytes_per_s": 0.0},
        {"idle_close_s": 0.0},
        {"deaf_after_s": -1.0},
        {"reset_after_s": 0.0},
        {"calm_s": -1.0},
    ],
)
def test_a_network_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter):
        Network(**wrong)
