"""The models that can be asked for, in the fields of OpenAI's listing and some of our own."""

from typing import Literal

from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model.

    Attributes:
        created: when its version was published, in seconds since 1970; None where that is not
            known any more.
        version, architecture, device: not in OpenAI's.
    """

    id: str
    created: int | None
    owned_by: str
    version: str
    architecture: str
    device: str
    object: Literal["model"] = "model"


@dataclass(frozen=True, slots=True)
class ModelList:
    """All of them."""

    data: tuple[ModelEntry, ...]
    object: Literal["list"] = "list"
