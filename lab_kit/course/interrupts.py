"""A cell that the reader interrupts ends in one line, not in the frames of an event loop."""

import asyncio
from types import TracebackType
from typing import Any

TOLD = "Interrupted. What this cell was measuring is not kept; run it again when you like."


def tell_interrupts_in_one_line() -> None:
    """Have IPython say one line where a cell was interrupted; outside of it there is nothing to do.

    A cell that awaits is cancelled, any other gets a `KeyboardInterrupt`.
    """
    from IPython import get_ipython  # the command line does without it

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((KeyboardInterrupt, asyncio.CancelledError), _tell)


def _tell(
    shell: Any,
    kind: type[BaseException],
    raised: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """What IPython calls instead of its traceback; returns the lines for a saved notebook."""
    print(TOLD)
    return [TOLD]
