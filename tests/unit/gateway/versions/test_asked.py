"""Which version a name asks for."""

import pytest

from lab_kit.core.errors import InvalidParameter, LabError, ModelNotFound
from lab_kit.gateway.versions.asked import asked_version
from lab_kit.models.store.version import Label

MODEL = "moonshine-tiny-en"


@pytest.mark.parametrize(
    ("named", "version"),
    [
        (None, None),
        ("", None),
        (MODEL, None),
        ("production", Label.PRODUCTION),
        (f"{MODEL}@1", 1),
        (f"{MODEL}@12", 12),
    ],
)
def test_a_name_floats_follows_or_pins(named: str | None, version: int | Label | None) -> None:
    assert asked_version(named, MODEL) == version


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("whisper-tiny-en", ModelNotFound),
        ("whisper-tiny-en@1", ModelNotFound),
        ("Production", ModelNotFound),
        ("@1", ModelNotFound),
        ("x" * 5_000, ModelNotFound),
        ("canary", InvalidParameter),
        ("shadow", InvalidParameter),
        (f"{MODEL}@", InvalidParameter),
        (f"{MODEL}@latest", InvalidParameter),
        (f"{MODEL}@-1", InvalidParameter),
        (f"{MODEL}@1.0", InvalidParameter),
        (f"{MODEL}@1@2", InvalidParameter),
        (f"{MODEL}@٣", InvalidParameter),
        (f"{MODEL}@{'9' * 10}", InvalidParameter),
    ],
)
def test_what_is_no_name_is_refused_with_the_forms_there_are(
    named: str, kind: type[LabError]
) -> None:
    with pytest.raises(kind) as refused:
        asked_version(named, MODEL)
    assert refused.value.expected == f"{MODEL}, {MODEL}@ and a version's number, or production"
    assert len(str(refused.value)) < 400
