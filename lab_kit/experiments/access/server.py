"""What the experiments on access need of a server: its addresses, and its operator."""

import ssl
from typing import Protocol

from lab_kit import client


class Server(Protocol):
    """A server with an operator and a port with TLS, such as a bench.

    Attributes:
        tls_url: where it speaks TLS; empty where it does not.
    """

    tls_url: str
    address: client.ServerAddress
    operator: client.Operator

    @property
    def url(self) -> str: ...

    def shown_certificate(self, name: str) -> ssl.SSLContext: ...
