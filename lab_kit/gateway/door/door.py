"""Who may come in, who is in, and which version they are given."""

from lab_kit.capacity.admission import Admission
from lab_kit.capacity.open_streams import OpenStream
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import PriorityClass
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.versions.lease import Lease
from lab_kit.gateway.versions.versions import Versions


class Door:
    """The way into one server.

    Attributes:
        streams: the live streams that are open.
        is_draining: nobody is let in any more; who is in may finish.
    """

    def __init__(self, keys: Keys, admission: Admission, versions: Versions) -> None:
        self.keys = keys
        self.streams: set[OpenStream] = set()
        self.is_draining = False
        self._admission = admission
        self._versions = versions

    @property
    def is_ready(self) -> bool:
        """Production loaded, a warm-up inference done, and not about to stop."""
        return self._versions.is_ready and not self.is_draining

    def admit(self, priority_class: PriorityClass = PriorityClass.INTERACTIVE) -> None:
        """Make sure that one more stream may open.

        Raises:
            SystemOverloaded: the server is full, reduces its service, or is stopping.
        """
        self._check_going_on()
        self._admission.admit(priority_class, self.streams)

    def admit_recording(self) -> None:
        """Make sure that one more recording may be taken: batch work, and in no stream's place.

        Raises:
            SystemOverloaded: the server reduces its service, or is stopping.
        """
        self._check_going_on()
        self._admission.admit(PriorityClass.BATCH, ())

    def lease(self, number: int | None = None) -> Lease:
        """A version for one stream or request; see `Versions.lease`."""
        return self._versions.lease(number)

    def _check_going_on(self) -> None:
        if self.is_draining:
            raise SystemOverloaded(
                "the server stops",
                "one that goes on",
                "connect to another server, or once it is back",
            )
