"""A secret is found in the environment, else in a file that nobody else may read."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab_kit.core.errors import InvalidParameter, StateUnusable
from lab_kit.database import secret
from lab_kit.database.secret import Secret

SECRET = Secret("the key of tests", "LAB_TEST_SECRET", "test-secret", 16, "nothing works with it")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(secret, "user_data_path", lambda _: tmp_path / "data")
    return tmp_path / "data"


def test_the_variable_is_asked_first_and_makes_no_file(folder: Path) -> None:
    assert SECRET.of({"LAB_TEST_SECRET": "0f" * 16}) == b"\x0f" * 16
    assert not folder.exists()


@pytest.mark.parametrize("environ", [{}, {"LAB_TEST_SECRET": ""}])
def test_without_it_one_is_made_and_kept(folder: Path, environ: dict[str, str]) -> None:
    made = SECRET.of(environ)
    assert len(made) == 16
    assert SECRET.of(environ) == made
    assert stat.S_IMODE((folder / "test-secret").stat().st_mode) == 0o600


def test_of_many_that_make_one_at_once_all_have_the_same(folder: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: SECRET.of({}), range(16)))
    assert len(found) == 1
    assert [path.name for path in folder.iterdir()] == ["test-secret"]


@pytest.mark.parametrize("told", ["0f" * 15, "0f" * 17, "no digits", "0f" * 15 + "0"])
def test_what_is_no_secret_is_refused_and_not_repeated(told: str) -> None:
    with pytest.raises(InvalidParameter, match="32 hexadecimal digits") as refused:
        SECRET.of({"LAB_TEST_SECRET": told})
    assert "LAB_TEST_SECRET" in str(refused.value)
    assert "nothing works with it" in str(refused.value)
    assert told not in str(refused.value)


def test_a_folder_that_cannot_be_is_refused(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(StateUnusable, match="LAB_TEST_SECRET"):
        SECRET.of({})
