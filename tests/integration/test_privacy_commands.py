"""``lab privacy`` and ``lab tenants`` against a server with a folder: what is kept of a person is
shown, handed over and erased, and the audit log has no name and no word of it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from server_process import OPERATOR_KEY

from lab_kit import datasets
from lab_kit.audio.files import written_wav
from lab_kit.client import Operations

SAID = "marmalade beside the lighthouse"
ALICE = "customer-7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("privacy")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[KeyedServer]:
    script = folder / "script.txt"
    script.write_text(f"{SAID}\n")
    with keyed_server(folder, "--model", "scripted", "--script", str(script)) as server:
        yield server


def transcribed(server: KeyedServer, subject: str) -> None:
    """A transcription that is there, of somebody."""
    sound = written_wav(datasets.clip("two-cities-opening").samples)

    async def asked() -> None:
        operations = Operations(server.url)
        begun = await operations.transcribe(sound, subject=subject)
        await operations.result(await operations.wait(begun.name, HANG_S))

    asyncio.run(asked())


def privacy(server: KeyedServer, action: str, *options: str) -> "subprocess.CompletedProcess[str]":
    about = ("--url", server.url, "--operator-key", OPERATOR_KEY, "--tenant", "anybody")
    return lab("privacy", action, *about, "--subject", ALICE, *options)


def tenants(server: KeyedServer, *options: str) -> str:
    done = lab("tenants", "--url", server.url, "--operator-key", OPERATOR_KEY, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_person_is_shown_handed_over_held_and_erased(server: KeyedServer, folder: Path) -> None:
    transcribed(server, ALICE)
    shown = privacy(server, "show")
    assert "transcriptions" in shown.stdout
    assert SAID not in shown.stdout
    target = folder / "alice.zip"
    assert privacy(server, "export", "--out", str(target)).returncode == 0
    assert target.stat().st_mode & 0o077 == 0
    with ZipFile(target) as file:
        (said,) = json.loads(file.read("data.json"))["said"].values()
    assert SAID in said["text"]
    again = privacy(server, "export", "--out", str(target))
    assert (again.returncode, "a file that is not there" in again.stderr) == (1, True)

    assert "LEGAL HOLD" in tenants(server, "set", "anybody", "--legal-hold")
    held = privacy(server, "erase")
    assert held.returncode == 1
    assert "held, not erased: 1 transcriptions" in held.stdout
    assert "LEGAL HOLD" in tenants(server, "set", "anybody", "--retention", "86400")
    assert "LEGAL HOLD" not in tenants(server, "set", "anybody", "--unset", "legal-hold")

    erased = privacy(server, "erase")
    assert erased.returncode == 0
    assert "erased: 1 transcriptions" in erased.stdout
    assert "key destroyed: yes" in erased.stdout
    assert "0 things are kept" in privacy(server, "show").stdout


def test_the_log_of_it_names_nobody(server: KeyedServer, folder: Path) -> None:
    transcribed(server, ALICE)
    assert privacy(server, "erase").returncode == 0
    asked = ("--url", server.url, "--operator-key", OPERATOR_KEY)
    records = lab("audit", "show", *asked, "--tenant", "anybody").stdout
    assert '"kind": "subject"' in records
    log = (folder / "state" / "audit" / "log.jsonl").read_text()
    assert "DELETE /operator/subjects/{subject}" in log
    for unwanted in (ALICE, "marmalade"):
        assert unwanted not in log
        assert unwanted not in server.log.read_text()
