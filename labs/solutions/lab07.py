"""Lab 07's answers.

07.1: what decides is who reads the text when. Somebody who waits for the whole of it, less than a
second: sync. Nobody for more than ten seconds: an operation. Somebody while it is spoken: a stream.
How many recordings there are, and how small their files, decides nothing.

07.2: the class of a status says who is to blame, not whether trying again can help. 409 and 429 are
4xx and go away by themselves; 400 and 413 stay. The envelope says it in one field.

07.3: one key for all attempts of a request, made before the loop. A connection that broke says
nothing about whether the work was done, so it is asked again under the same key. What was told is
the least wait; chance is added, so that those who failed together do not come back together; and
the next wait has to fit into what is left of the budget.

07.4: a refusal and a break come as errors, and say whether trying again can help. A deaf line says
nothing, so only the caller's own clock ends it: as long as the speech, and some seconds. A break
tells no time to wait, so the wait is by chance.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from lab_kit.core.errors import LabError

WORKLOADS = {
    "A": "sync",
    "B": "stream",
    "C": "operation",
    "D": "stream",
    "E": "operation",
    "F": "sync",
    "G": "stream",
    "H": "operation",
}


def waits_s(refused: Mapping[str, Any]) -> dict[str, float | str]:
    """The least wait before each refusal may be sent again, or never."""
    return {
        name: float(one.retry_after or 0) if one.error.retryable else "never"
        for name, one in refused.items()
    }


def call(send: Callable[[str], Any], sleep: Callable[[float], None], budget_s: float) -> Any:
    """The answer, or the last refusal; None if no answer ever came."""
    key = str(uuid4())
    left_s, longest_s = budget_s, 0.5
    while True:
        try:
            answer = send(key)
        except ConnectionError:
            answer = None
        if answer is not None and not answer.retryable:
            return answer
        asked_s = 0.0 if answer is None else answer.retry_after_s or 0.0
        pause_s = asked_s + random.uniform(0.1, longest_s)
        if pause_s > left_s:
            return answer
        sleep(pause_s)
        left_s -= pause_s
        longest_s *= 2


SPEECH_S, PATIENCE_S = 3.2, 5.0


async def survive(listen: Callable[[], Awaitable[str]]) -> str | None:
    """The text, in spite of what comes in between; None if six calls did not bring it."""
    for _ in range(6):
        pause_s = random.uniform(0.1, 0.5)
        try:
            async with asyncio.timeout(SPEECH_S + PATIENCE_S):
                return await listen()
        except TimeoutError:
            pass  # a deaf line
        except LabError as error:
            if not error.retryable:
                raise
            pause_s += error.retry_after_s or 0.0
        await asyncio.sleep(pause_s)
    return None
