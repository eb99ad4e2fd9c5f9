"""An engine that is several processes: asks whichever has room, and asks again when one is gone.

Whoever submits is taken or refused at once, as by an engine in the same process: how many requests
may be under way is known here, because each process grants so many. The processes are found in a
folder, by their sockets; the first ``active`` of them, in the order of their start, are asked, and
the next one stands by, loaded and warm. When one dies (its connection ends) or hangs (it tells
nothing), what it owes is asked of the others, finals first.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter_ns

from lab_kit.core.errors import LabError, SystemOverloaded
from lab_kit.core.events import ModelInfo, PriorityClass
from lab_kit.engine.api import CacheView, DecodeRequest, Load, Ticket
from lab_kit.engine.batching import Batching
from lab_kit.engine.processes.link import FAILURES, Link, Owed
from lab_kit.engine.scheduler import BATCH_SHARE

_log = logging.getLogger(__name__)

LOOK_S = 0.05
"""How often the folder is looked through; 20 µs each time."""
HUNG_S = 2.0
"""Without a pulse, of which ten come a second."""
COME_BACK_S = 5.0
"""One that was left and is still there after this was not hung: it is asked again."""
MOST_DEATHS = 2
"""Engines that may end while they work on one request: the next would end as well, and everybody's
answers with it."""
_CACHE_S = 2.0


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a group.

    Attributes:
        is_asked: others stand by.
        is_leaving: it takes no more.
        owed: requests that it was asked and has not answered.
    """

    is_asked: bool
    is_leaving: bool
    owed: int


class EngineGroup:
    """An `Engine` over the processes whose sockets lie in ``folder``.

    Args:
        active: how many of them are asked; more stand by.

    Attributes:
        broken: raises what `give_up` was told; not done before.
    """

    def __init__(self, folder: Path, active: int) -> None:
        self.broken: Future[None] = Future()
        self._folder = folder
        self._active = active
        self._lock = threading.Lock()
        self._owed: dict[int, Owed] = {}
        self._numbers = count(1)
        self._places = 0
        self._model: Future[ModelInfo] = Future()
        self._links: dict[str, Link] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._left: dict[str, int] = {}
        self._workers = 1
        self._waiting: list[Owed] = []
        self._past = Load(0, 0)
        self._work_of_left: dict[str, Load] = {}
        self._batching: Batching | None = None
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="engines", daemon=True)
        self._thread.start()

    # -- for whoever has something decoded ----------------------------------------------------

    @property
    def model(self) -> ModelInfo:
        """What runs, and where; waits for the first process."""
        return self._model.result()

    def wait_until_ready(self, longest_s: float) -> None:
        """Wait for the first process.

        Raises:
            TimeoutError: none answered.
            LabError: the group was given up.
        """
        self._model.result(longest_s)

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded: as many are under way as the processes allow, or the group stops.
            LabError: the group was given up.
        """
        with self._lock:
            if self.broken.done():
                raise LabError(
                    "no engine runs any more", "an answer", "see the server's log, and restart it"
                )
            if self._ending.is_set() or not self._has_room(request.priority_class):
                raise SystemOverloaded(
                    "the engines' queues are full",
                    "a place in a queue",
                    "try again after the stated delay",
                )
            owed = Owed(next(self._numbers), request, Future(), perf_counter_ns())
            self._owed[owed.number] = owed
        owed.future.add_done_callback(lambda _: self._forget(owed.number))
        self._soon(self._place, owed)
        return Ticket(owed.number, owed.future)

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        with self._lock:
            owed = self._owed.get(ticket.number)
            if owed is None or owed.is_started:
                return False
            owed.request = request
            owed.revision += 1
        self._soon(self._renew, owed)
        return True

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request and free what it holds; its future is cancelled."""
        with self._lock:
            owed = self._owed.get(ticket.number)
        if owed is not None and owed.future.cancel():
            self._soon(self._drop, owed)

    def load(self) -> Load:
        """How busy the processes last said they are, together; what ended ones had done, too."""
        links = list(self._links.values())
        past = _sum_of_work(self._past, *list(self._work_of_left.values()))
        return Load(
            waiting=sum(one.load.waiting for one in links) + len(self._waiting),
            running=sum(one.load.running for one in links),
            longest_wait_s=max((one.load.longest_wait_s for one in links), default=0.0),
            busy_s=past.busy_s + sum(one.load.busy_s for one in links),
            interim_s=past.interim_s + sum(one.load.interim_s for one in links),
            workers=self._workers,
        )

    # -- for whoever runs it ---------------------------------------------------------------------

    def members(self) -> dict[str, Member]:
        """The processes that answer, by their sockets' names, the oldest first."""
        active = [one.name for one in self._asked()]
        return {
            one.name: Member(one.name in active, not one.places, len(one.owed))
            for one in list(self._links.values())
        }

    def use(self, batching: Batching) -> None:
        """Have every process batch so, those that come later included."""
        self._batching = batching
        self._soon(self._fill)

    def cache(self, since_ns: int = 0) -> CacheView:
        """How the first process's cache was used.

        Raises:
            SystemOverloaded: it does not say.
        """
        shown: Future[CacheView] = Future()
        self._soon(self._show_cache, since_ns, shown)
        try:
            return shown.result(_CACHE_S)
        except (TimeoutError, CancelledError) as error:
            raise SystemOverloaded(
                f"no engine said within {_CACHE_S:.0f} s how its cache was used",
                "an engine that answers",
                "try again",
            ) from error

    def give_up(self, error: LabError) -> None:
        """No process will come any more: whoever waits is told, and nobody is taken."""
        with self._lock:
            if self.broken.done():
                return
            self.broken.set_exception(error)
        self._soon(self._fail_all, error)

    def stop(self) -> None:
        """Cancel what waits and close all connections; returns when that is done."""
        self._soon(self._ending.set)
        self._thread.join()
        with self._lock:
            owed = list(self._owed.values())
        for one in owed:
            one.future.cancel()

    # -- counting, under the lock ----------------------------------------------------------------

    def _has_room(self, joining: PriorityClass) -> bool:
        if joining is PriorityClass.BATCH:
            batch = sum(o.request.priority_class is joining for o in self._owed.values())
            if batch >= self._places * BATCH_SHARE:
                return False
        return len(self._owed) < self._places

    def _forget(self, number: int) -> None:
        with self._lock:
            self._owed.pop(number, None)

    # -- on the event loop -------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._watch())
        except Exception as error:  # a defect of ours: nobody may wait for what nobody watches
            _log.critical("engine processes are watched no more", exc_info=error)
            broke = LabError("the engines are watched no more", "an answer", "see the server's log")
            self.give_up(broke)
            self._fail_all(broke)
        finally:
            self._loop.close()

    def _soon(self, act: Callable[..., object], *given: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *given)

    async def _watch(self) -> None:
        """Find processes, and leave those that hang, until `stop`."""
        looked_ns = perf_counter_ns()
        while not self._ending.is_set():
            self._find()
            now_ns = perf_counter_ns()
            # who was late itself has not yet read what lies in its sockets
            if now_ns - looked_ns < HUNG_S * 1e9 / 2:
                self._leave_hung(now_ns)
            looked_ns = now_ns
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._ending.wait()
            except TimeoutError:
                continue
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _find(self) -> None:
        now_ns = perf_counter_ns()
        paths = sorted(self._folder.glob("*.sock"))
        for name in self._left.keys() - {path.name for path in paths} - self._tasks.keys():
            del self._left[name]
            self._past = _sum_of_work(self._past, self._work_of_left.pop(name))
        for path in paths:
            left_ns = self._left.get(path.name)
            if left_ns is not None and now_ns - left_ns < COME_BACK_S * 1e9:
                continue
            if path.name not in self._tasks:
                self._tasks[path.name] = asyncio.create_task(self._keep(Link(path, self._fill)))

    async def _keep(self, link: Link) -> None:
        """Speak with one process until it is gone, then ask others what it owed."""
        self._links = dict(sorted([*self._links.items(), (link.name, link)]))
        self._work_of_left.pop(link.name, None)  # it tells of all that it ever did
        try:
            await link.run()
        except FAILURES as error:
            if not isinstance(error, EOFError | ConnectionError):
                _log.error("an engine was left: %s: %s", type(error).__name__, error)
        except Exception:  # a defect of ours: what it owes is owed all the same
            _log.exception("an engine was left")
        finally:
            link.close()
            self._left[link.name] = perf_counter_ns()
            self._links = {name: one for name, one in self._links.items() if one is not link}
            del self._tasks[link.name]
            self._work_of_left[link.name] = link.load
        self._ask_again(list(link.owed.values()))

    def _leave_hung(self, now_ns: int) -> None:
        for link in list(self._links.values()):
            if link.pulse is not None and now_ns - link.heard_ns > HUNG_S * 1e9:
                _log.error("engine %s tells nothing for %.1f s; it is left", link.name, HUNG_S)
                link.close()

    def _ask_again(self, owed: list[Owed]) -> None:
        for one in owed:
            one.deaths += one.is_started
            one.is_started = False
            if one.deaths >= MOST_DEATHS:
                if one.future.set_running_or_notify_cancel():
                    one.future.set_exception(_deadly())
            else:
                self._waiting.append(one)
        self._waiting.sort(key=lambda one: (one.request.priority, one.submitted_ns))
        self._fill()

    def _asked(self) -> list[Link]:
        """Those that are asked: the first so many that take requests."""
        return [one for one in self._links.values() if one.places][: self._active]

    def _fail_all(self, error: LabError) -> None:
        if not self._model.done():
            self._model.set_exception(error)
        with self._lock:
            owed = list(self._owed.values())
        for one in owed:
            if not one.future.done() and one.future.set_running_or_notify_cancel():
                one.future.set_exception(error)

    def _place(self, owed: Owed) -> None:
        self._waiting.append(owed)
        self._fill()

    def _fill(self) -> None:
        """Ask what waits of whoever owes the least and has room."""
        links = self._asked()
        if not links:
            return
        self._welcome(links)
        waiting, self._waiting = self._waiting, []
        for position, owed in enumerate(waiting):
            link = min(links, key=lambda one: len(one.owed))
            if len(link.owed) >= link.places:
                self._waiting = waiting[position:]
                return
            if not owed.future.done():
                link.ask(owed)

    def _welcome(self, links: list[Link]) -> None:
        with self._lock:
            self._places = sum(one.places for one in links)
            self._workers = sum(one.load.workers for one in links)
        model = links[0].model
        if model is not None and not self._model.done():
            self._model.set_result(model)
        for one in links:
            if self._batching is not None and one.batching != self._batching:
                one.use(self._batching)

    def _renew(self, owed: Owed) -> None:
        link = self._holder(owed)
        if link is not None:
            link.ask(owed)

    def _drop(self, owed: Owed) -> None:
        link = self._holder(owed)
        if link is not None:
            link.drop(owed)
            self._fill()
        elif owed in self._waiting:
            self._waiting.remove(owed)

    def _holder(self, owed: Owed) -> Link | None:
        return next((one for one in self._links.values() if owed.number in one.owed), None)

    def _show_cache(self, since_ns: int, shown: "Future[CacheView]") -> None:
        links = self._asked()
        if links:
            links[0].show_cache(next(self._numbers), since_ns, shown)


def _sum_of_work(*loads: Load) -> Load:
    """What engines that are asked no more had done."""
    busy_s, interim_s = (sum(getattr(one, of) for one in loads) for of in ("busy_s", "interim_s"))
    return Load(0, 0, 0.0, busy_s, interim_s)


def _deadly() -> LabError:
    return LabError(
        f"{MOST_DEATHS} engines ended while they decoded this",
        "sound that an engine survives",
        "send other sound, and see the server's log",
    )
