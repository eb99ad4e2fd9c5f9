"""The catalog is complete enough to trust a file by."""

import re

import pytest

from lab_kit.core.errors import ModelNotFound
from lab_kit.models.store.catalog import CATALOG, Kind, ModelEntry, WheelSource, find
from lab_kit.models.store.store import ModelStore

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG)
def test_every_entry_says_what_it_is_and_what_it_must_be(entry: ModelEntry) -> None:
    assert entry.licence
    assert entry.job
    assert entry.summary.endswith(".")
    assert entry.members
    for member in entry.members:
        assert SHA256.fullmatch(member.sha256)
        assert member.size_bytes > 0
    names = [member.name for member in entry.members]
    assert len(set(names)) == len(names), "the store unpacks members flat"
    if isinstance(entry.source, WheelSource):
        assert SHA256.fullmatch(entry.source.sha256)
        assert f"-{entry.source.version}-" in entry.source.filename


def test_only_free_recordings() -> None:
    recordings = [entry for entry in CATALOG.values() if entry.kind is Kind.RECORDING]
    assert [(entry.name, entry.licence) for entry in recordings] == [
        ("librivox-two-cities", "public domain")
    ]


def test_a_pull_without_names_fetches_what_no_dependency_carries() -> None:
    names = ["moonshine-tiny-en", "librivox-two-cities", "silero-vad", "smart-turn"]
    names += ["whisper-tiny-en", "smollm2-135m"]
    assert ModelStore(environ={}).default_names() == names
    assert "02" in CATALOG["whisper-tiny-en"].needed_for


def test_the_digest_follows_the_files() -> None:
    digests = {entry.digest for entry in CATALOG.values()}
    assert len(digests) == len(CATALOG)


def test_hub_sources_name_every_member() -> None:
    for entry in CATALOG.values():
        if entry.huggingface:
            wanted = {member.name for member in entry.members}
            assert {name for name, _ in entry.huggingface.files} == wanted
            assert re.fullmatch(r"[0-9a-f]{40}", entry.huggingface.revision)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ModelNotFound, match="moonshine-tiny-en"):
        find("moonshine-large")
