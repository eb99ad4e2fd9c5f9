"""Google's client as a product has it, redirected by its endpoint alone: it insists on TLS."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hang import HANG_S

CLIENT = """
import sys
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import speech_v1

client = speech_v1.SpeechClient(
    client_options=ClientOptions(api_endpoint=sys.argv[1]), credentials=AnonymousCredentials()
)
config = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}
loud, quiet = b"\\x00\\x20" * 16_000, bytes(32_000)
answer = client.recognize(
    config=config, audio={"content": loud + quiet}, retry=None, timeout=float(sys.argv[2])
)
print(answer.results[0].alternatives[0].transcript)
"""


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "authority"
    monkeypatch.setenv("LAB_AUTHORITY", str(folder))
    return folder


def lab(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lab_kit.cli", *arguments]


@pytest.fixture
def address(authority: Path) -> Iterator[str]:
    """Where a server speaks gRPC with TLS."""
    options = ["--port", "0", "--grpc-tls-port", "0", "--model", "scripted", "--ready-json"]
    server = subprocess.Popen(
        lab("serve", *options, "--with-parent"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LAB_REPOSITORY": str(authority.parent / "versions")},
    )
    assert server.stdout is not None
    yield json.loads(next(line for line in server.stdout if line.startswith("{")))["grpc_tls"]
    server.terminate()
    server.communicate(timeout=HANG_S)


def called(address: str, roots: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", CLIENT, address, "10"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": roots},
    )


def test_it_trusts_who_shows_a_certificate_of_ours(address: str, authority: Path) -> None:
    printed = subprocess.run(lab("ca"), capture_output=True, text=True, check=True).stdout.strip()
    assert Path(printed) == authority / "ca.pem"
    done = called(address, printed)
    assert done.stdout == "This is the first thing that the script says.\n", done.stderr
    named = called(address.replace("127.0.0.1", "localhost"), printed)
    assert named.returncode == 0, named.stderr


def test_without_our_certificate_it_trusts_nobody_here(address: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    env = {**os.environ, "LAB_AUTHORITY": str(other)}
    subprocess.run(lab("ca"), env=env, check=True, capture_output=True)
    done = called(address, str(other / "ca.pem"))
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_its_key_is_its_owners_alone_and_made_once(authority: Path) -> None:
    for _ in range(2):
        subprocess.run(lab("ca"), check=True, capture_output=True)
    assert stat.S_IMODE((authority / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.stat().st_mode) == 0o700
    assert list(authority.parent.glob(".authority-*")) == []


def test_an_authority_that_cannot_be_read_is_named(authority: Path) -> None:
    authority.mkdir()
    (authority / "ca.pem").write_text("no certificate")
    (authority / "ca.key").write_text("no key")
    done = subprocess.run(
        lab("serve", "--port", "0", "--grpc-tls-port", "0", "--model", "scripted"),
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={**os.environ, "LAB_REPOSITORY": str(authority.parent / "versions")},
    )
    assert done.returncode == 1
    assert f"the authority in {authority}" in done.stderr
    assert "Traceback" not in done.stderr
