"""A version of a model: its settings, its files, and the labels that versions can carry."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab_kit.core.errors import InvalidParameter, VersionConflict
from lab_kit.models.store.catalog import Member

KV_KINDS = ("paged", "contiguous")
DRAFT_KINDS = ("none", "ngram")


@dataclass(frozen=True, slots=True)
class Settings:
    """What belongs to a version besides its weights: what decides answers, and how they are made.

    None takes the model's own.

    Attributes:
        tokens_per_audio_s: most tokens a second of audio may yield.
        kv: how places in the decoder's cache are handed out, ``paged`` or ``contiguous``; for
            Whisper, whose cache is ours to divide.
        kv_slots: tokens that the cache holds, for Whisper.
        drafts: where guesses at the next tokens come from, ``none`` or ``ngram``; for Whisper.
    """

    tokens_per_audio_s: float | None = None
    kv: str | None = None
    kv_slots: int | None = None
    drafts: str | None = None

    def __post_init__(self) -> None:
        _check_choice("kv", self.kv, KV_KINDS)
        _check_choice("drafts", self.drafts, DRAFT_KINDS)
        if self.kv_slots is not None and not (type(self.kv_slots) is int and self.kv_slots > 0):
            raise InvalidParameter(
                f"kv_slots={self.kv_slots!r}",
                "a whole number above 0",
                "pass a number such as 2048, or leave kv_slots out",
            )
        limit = self.tokens_per_audio_s
        if limit is not None and not (_is_number(limit) and 0 < limit < math.inf):
            raise InvalidParameter(
                f"tokens_per_audio_s={limit!r}",
                "a number above 0",
                "pass a number such as 6.5, or leave tokens_per_audio_s out",
            )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Settings":
        """Settings by name.

        Raises:
            InvalidParameter: a name is unknown, or a value has no meaning.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in given if name not in known]:
            raise InvalidParameter(
                f"the setting {', '.join(unknown)}",
                f"one of {', '.join(known)}",
                "publish with these settings only",
            )
        return cls(**given)

    def chosen(self) -> dict[str, Any]:
        """Those that differ from the model's own, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _check_choice(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise InvalidParameter(
            f"{name}={value!r}",
            f"one of {', '.join(known)}",
            f"pass one of these, or leave {name} out",
        )


@dataclass(frozen=True, slots=True)
class Version:
    """What ``version.json`` says.

    Attributes:
        model: the catalog's name of the weights, and the name they are served under.
        published: when, in UTC, as ISO 8601.
        files: name, SHA-256 and size of each.
    """

    model: str
    number: int
    settings: Settings
    published: str
    files: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """A version whose files all have the hashes that were published, and where they lie."""

    version: Version
    paths: Mapping[str, Path]


class Label(StrEnum):
    """What a version can be to callers."""

    PRODUCTION = "production"
    CANARY = "canary"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Labels:
    """Which version carries which label.

    Attributes:
        production: answers.
        canary: answers a share of new streams and requests instead.
        share: that share, in (0, 1]; None without a canary.
        shadow: is asked the same as production, and never answers.
    """

    production: int | None = None
    canary: int | None = None
    share: float | None = None
    shadow: int | None = None

    def of(self, number: int) -> tuple[Label, ...]:
        """The labels that version ``number`` carries."""
        return tuple(label for label in Label if getattr(self, label) == number)

    def put(self, label: Label, number: int, share: float | None = None) -> "Labels":
        """With ``label`` on version ``number``, taken from the one that carried it.

        Raises:
            InvalidParameter: a canary without a share in (0, 1], or a share for another label.
        """
        if label is not Label.CANARY:
            if share is not None:
                raise InvalidParameter(
                    f"a share for {label}", "a share for canary only", "leave share out"
                )
            return replace(self, **{label: number})
        if share is None or not 0 < share <= 1:
            raise InvalidParameter(
                f"share {share}", "the canary's share of new streams, in (0, 1]", "pass share=0.1"
            )
        return replace(self, canary=number, share=share)

    def take_off(self, label: Label) -> "Labels":
        """Without ``label``.

        Raises:
            VersionConflict: production, which can only be moved.
        """
        if label is Label.PRODUCTION:
            raise VersionConflict(
                "production to be removed",
                "a version that answers",
                "move the label to another version instead",
            )
        if label is Label.CANARY:
            return replace(self, canary=None, share=None)
        return replace(self, shadow=None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
