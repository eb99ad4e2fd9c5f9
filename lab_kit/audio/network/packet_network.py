"""A network as a table: when each packet of a call arrives, or that it never does. By seed.

No socket is touched. Delay is a constant plus a wait in queues, which is exponential: most packets
wait hardly at all, some for long. Loss comes in bursts, as a two-state chain (Gilbert's): while the
network is bad, everything is lost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class PacketNetwork:
    """What happens to packets on their way.

    Attributes:
        delay_s: the least a packet takes.
        jitter_s: mean of what queues add; each packet's is drawn on its own, so some overtake.
        loss: share that never arrives.
        burst: packets lost in a row, on average.
        seed: the same seed gives the same network.
    """

    delay_s: float = 0.03
    jitter_s: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    seed: int = 0

    def arrivals_s(self, sent_s: list[float]) -> list[float | None]:
        """When each packet arrives; None for one that is lost.

        Raises:
            InvalidParameter: a share outside [0, 1), or bursts shorter than a packet.
        """
        if not 0 <= self.loss < 1 or self.burst < 1 or self.jitter_s < 0:
            raise InvalidParameter(
                f"loss {self.loss}, burst {self.burst}, jitter {self.jitter_s} s",
                "a loss from 0 to below 1, bursts of at least 1, a jitter of at least 0",
                "pass loss in [0, 1), burst of at least 1 and jitter_s of at least 0",
            )
        generator = np.random.default_rng(self.seed)
        waits_s = generator.exponential(self.jitter_s, len(sent_s)) if self.jitter_s else None
        lost = self._lost(generator.random(len(sent_s)))
        return [
            None if lost[n] else at_s + self.delay_s + (0.0 if waits_s is None else waits_s[n])
            for n, at_s in enumerate(sent_s)
        ]

    def _lost(self, chances: NDArray[np.float64]) -> list[bool]:
        """Leave the bad state once in ``burst`` packets, enter it so often that ``loss`` comes out.

        Source: E. N. Gilbert (1960), "Capacity of a Burst-Noise Channel".
        """
        leave = 1 / self.burst
        enter = leave * self.loss / (1 - self.loss)
        is_bad, lost = False, []
        for chance in chances:
            is_bad = chance >= leave if is_bad else chance < enter
            lost.append(bool(is_bad))
        return lost
