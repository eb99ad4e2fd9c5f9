"""What the experiments on objectives need of a server: its address, its operator, its traces."""

from typing import Protocol

from lab_kit import client


class Server(Protocol):
    """A server with an operator, such as a bench."""

    address: client.ServerAddress
    operator: client.Operator

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def device(self) -> str: ...
