"""A recording that was let in, on its way to results: recognized in its caller's turn, and counted.

Every way in for recordings gets its results here, whoever's words it speaks.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from functools import partial

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import LabError
from lab_kit.core.events import Final
from lab_kit.core.personal_data import united
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.gateway.door.door import Leased
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.work import CANCELLED, OK, Delivery, Ended, Reached
from lab_kit.stream.recording import recognize
from lab_kit.stream.sink.steps import Postprocess, SwitchableSteps


class Recognition:
    """Turns recordings into finals."""

    def __init__(
        self,
        preparation: Preparation,
        steps: SwitchableSteps,
        metrics: Metrics,
        listeners: Listeners,
    ) -> None:
        self._preparation = preparation
        self._steps = steps
        self._metrics = metrics
        self._listeners = listeners

    def finals(
        self, call: Leased, audio: FloatArray, steps: tuple[str, ...], *, is_told: bool = False
    ) -> AsyncGenerator[Final, None]:
        """Transcribe (samples,) float32 at 16 kHz, once compute is reserved; see `finals_of`.

        Raises:
            QuotaExceeded, PayloadTooLarge: the caller has not enough left, now or ever.
        """
        audio_s = len(audio) / SAMPLE_RATE_HZ
        call.spending.hold(audio_s)
        return self.finals_of(call, (audio,), audio_s, steps, is_told=is_told)

    async def finals_of(
        self,
        call: Leased,
        sound: Iterable[FloatArray],
        audio_s: float,
        steps: tuple[str, ...],
        earlier: Iterable[FloatArray] | None = None,
        *,
        is_told: bool = False,
    ) -> AsyncGenerator[Final, None]:
        """Transcribe a recording; see `stream.recording.recognize`.

        Args:
            sound: blocks of (samples,) float32 at 16 kHz, ``audio_s`` in all.
            steps: the optional steps that every result passes, by name.
            is_told: the caller is told each final as it comes, not all of them at the end.
            earlier: blocks of what was said before it and told already: heard again, for the steps
                that remember, and neither told nor counted.
        """
        steps = united(*steps, *call.steps)
        postprocess = Postprocess(steps, self._steps.table, self._steps.persons)
        said = self._recognized(call, sound, postprocess)
        self._listeners.opened(call.work)
        code, processed_s, told_s, tokens = CANCELLED, 0.0, 0.0, 0

        def reached() -> Reached:
            spent_ns = call.spending.spent_ns
            return Reached(told_s, audio_s, processed_s, 0, tokens, spent_ns, features=steps)

        try:
            if earlier is not None:
                async with aclosing(self._recognized(call, earlier, postprocess)) as told:
                    async for _ in told:
                        pass
            async for final in said:
                processed_s, tokens = final.end_s, tokens + final.tokens
                if is_told:
                    told_s = final.end_s
                    self._listeners.telling(call.work, reached())
                length_s = final.end_s - final.start_s
                self._listeners.delivered(
                    call.work, Delivery(is_final=True, audio_s=length_s, until_s=final.end_s)
                )
                yield final
            code, processed_s, told_s = OK, audio_s, audio_s
        except LabError as error:
            code = error.reason
            raise
        finally:
            await said.aclose()
            call.spending.settle(processed_s)
            self._listeners.ended(call.work, Ended(code, reached()))

    def _recognized(
        self, call: Leased, sound: Iterable[FloatArray], postprocess: Postprocess
    ) -> AsyncGenerator[Final, None]:
        return recognize(
            call.lease.engine,
            call.lease.new_scorer(),
            iter(sound),
            partial(self._preparation.run, call.caller),
            postprocess,
            self._metrics.count_skipped,
            call.work.identity.stream,
            call.deadline_ns,
        )


async def collected(finals: AsyncIterator[Final]) -> list[Final]:
    """All of them, once all are there."""
    return [final async for final in finals]
