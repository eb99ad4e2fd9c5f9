"""No attack: a process that computes as long as an attacker would, and sends nothing.

An attacker on the server's own machine takes its caches and cores, whatever the server does. Beside
a process that only computes, at the attacker's own priority, finals came 50 to 70 ms later on two
cores. So that is what delays under attack are compared with.
"""

import asyncio
import random
import time
from collections.abc import Sequence

from attempts import Kind, Outcome, Target

TURN_S = 0.05


async def _compute(target: Target, chance: random.Random) -> Sequence[Outcome]:
    await asyncio.sleep(0)
    until_s = time.monotonic() + TURN_S
    while time.monotonic() < until_s:
        chance.random()
    return [Outcome("computed")]


KIND = Kind({"computing": _compute}, at_once=1)
