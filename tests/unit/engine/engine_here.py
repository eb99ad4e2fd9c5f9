"""An engine process without the process: `EngineServer` on a loop of its own, and a device that
obeys. Its sockets are real, and so are its death (they close) and its hanging (nothing is said)."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

from gated_runner import GatedRunner
from hang import HANG_S

from lab_kit.core.events import ModelInfo
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.processes.serving import EngineServer

MODEL = ModelInfo("double", "1", "none", "nowhere")


class EngineHere:
    """Answers on a socket named ``number`` in ``folder`` until it is ended in one of three ways."""

    def __init__(self, folder: Path, number: int, places: int = 8) -> None:
        self.path = folder / f"{number:06}.sock"
        self.runner = GatedRunner()
        self.engine = EngineLoop(self.runner, MODEL, workers=1)
        self._places = places
        self._hanging = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def die(self) -> None:
        """All its sockets close at once."""
        self._hanging.set()
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(HANG_S)

    def leave(self) -> None:
        """Answer what was asked, and end."""
        self._loop.call_soon_threadsafe(self._server.leave)

    def hang(self) -> None:
        """Say nothing more; go on once ``wake`` is called."""
        self._loop.call_soon_threadsafe(self._hanging.wait, HANG_S)

    def wake(self) -> None:
        """Go on."""
        self._hanging.set()

    def end(self) -> None:
        """Leave nothing behind."""
        self.runner.gate.set()
        if self._thread.is_alive():
            self.die()
        self.engine.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = EngineServer(self.engine, self._places, groups=2)
        self._task = self._loop.create_task(self._server.serve(self.path))
        with suppress(asyncio.CancelledError):  # it died
            self._loop.run_until_complete(self._task)
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        self.path.unlink(missing_ok=True)
