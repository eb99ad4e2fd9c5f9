"""What can be said of a framework's server without starting one."""

import pytest
from fastapi.testclient import TestClient

from lab_kit import datasets
from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import frameworks
from lab_kit.experiments.frameworks.naive import naive_app


@pytest.mark.parametrize(
    ("framework", "options", "told"),
    [
        ("triton", {}, "naive, litserve"),
        ("naive", {"max_batch": 4}, "it has none"),
        ("naive", {"window_s": 0.1}, "it has none"),
        ("litserve", {"max_batch": 0}, "at least 1"),
        ("litserve", {"window_s": -1.0}, "at least 1 and 0"),
    ],
)
async def test_what_cannot_be_started_is_refused(
    framework: str, options: dict[str, int], told: str
) -> None:
    with pytest.raises(InvalidParameter, match=told):
        async with frameworks.start(framework, **options):
            raise AssertionError("nothing may start")


def test_the_naive_handler_answers() -> None:
    clip = datasets.clip("two-cities-best-and-worst")
    answer = TestClient(naive_app()).post("/transcribe", content=clip.pcm16)
    assert answer.json() == {"text": "It was the best of times, it was the worst of times."}
