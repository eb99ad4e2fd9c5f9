"""Which version a caller asks for by a name.

Of a model ``NAME``: ``NAME`` floats with the labels, the canary's share included; ``production``
follows that label alone, without the canary; ``NAME@3`` is version 3 and no other. The other labels
are no names for callers: who meets the canary is the operator's to say, by its share, and what the
shadow says is heard by nobody.
"""

from lab_kit.core.errors import InvalidParameter, ModelNotFound
from lab_kit.core.shown import shown
from lab_kit.models.store.version import Label

MODEL = "model"
"""The parameter's name, wherever it is asked for."""
_MOST_DIGITS = 9


def asked_version(named: str | None, model: str) -> int | Label | None:
    """The version's number, the label that decides, or None for whose turn it is.

    Args:
        named: as the caller wrote it; None or nothing for no choice.
        model: that the server serves.

    Raises:
        ModelNotFound: another model is served.
        InvalidParameter: it is neither of the three forms.
    """
    if not named or named == model:
        return None
    if named == Label.PRODUCTION:
        return Label.PRODUCTION
    if named in set(Label):
        raise InvalidParameter(
            f"{MODEL}={named}",
            f"{_forms(model)}",
            f"ask for {Label.PRODUCTION}, or for a version by its number",
        )
    name, at, number = named.partition("@")
    if name != model:
        raise ModelNotFound(f"the model {shown(name)}", _forms(model), "list /v1/models")
    if not at or not number.isdecimal() or not number.isascii() or len(number) > _MOST_DIGITS:
        raise InvalidParameter(
            f"{MODEL}={shown(named)}", _forms(model), "write the version's number behind the @"
        )
    return int(number)


def _forms(model: str) -> str:
    return f"{model}, {model}@ and a version's number, or {Label.PRODUCTION}"
