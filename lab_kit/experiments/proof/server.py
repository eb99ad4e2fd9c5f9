"""What the experiments on proof need of a server: its operator, its files, and its secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from lab_kit import client


class Server(Protocol):
    """A server whose files and memory this user may read, such as a bench."""

    address: client.ServerAddress
    operator: client.Operator

    @property
    def secrets(self) -> Mapping[str, str]: ...
    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def state_folder(self) -> Path: ...
    @property
    def audit_folder(self) -> Path: ...
    @property
    def trace_file(self) -> Path: ...

    def publish(self, *, tokens_per_audio_s: float | None = None) -> int: ...
