"""Processor sharing, by hand."""

import pytest

from lab_kit.scale.cores import Cores, Thread


def _ends(count: float, jobs: list[list[float]], contention: float = 1.0) -> list[float]:
    """When each thread's last job ended."""
    threads = [Thread() for _ in jobs]
    cores = Cores(count, threads, contention)
    ends = [0.0] * len(jobs)

    def note(number: int) -> None:
        ends[number] = cores.now_s

    for number, (thread, costs) in enumerate(zip(threads, jobs, strict=True)):
        for cost_s in costs:
            thread.do(cost_s, lambda number=number: note(number))  # type: ignore[misc]
    while cores.run_until(100.0):
        pass
    return ends


def test_who_has_a_core_takes_what_it_costs() -> None:
    assert _ends(2, [[1.0], [2.0]]) == pytest.approx([1.0, 2.0])


def test_a_thread_uses_no_more_than_one_core() -> None:
    assert _ends(4, [[1.0, 1.0]]) == pytest.approx([2.0])


def test_three_on_two_cores_get_two_thirds_each() -> None:
    assert _ends(2, [[1.0], [1.0], [1.0]]) == pytest.approx([1.5, 1.5, 1.5])


def test_who_is_left_gets_the_rest() -> None:
    assert _ends(1, [[1.0], [3.0]]) == pytest.approx([2.0, 4.0])


def test_full_cores_are_slower_and_no_less_busy() -> None:
    threads = [Thread(), Thread()]
    cores = Cores(2, threads, contention=1.5)
    for thread in threads:
        thread.do(1.0, lambda: None)
    while cores.run_until(10.0):
        pass
    assert [thread.used_s for thread in threads] == pytest.approx([1.5, 1.5])


def test_time_passes_where_nobody_works() -> None:
    cores = Cores(2, [Thread()])
    assert not cores.run_until(3.0)
    assert cores.now_s == 3.0
