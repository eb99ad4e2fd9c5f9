"""A server that finds names by a model: said at its start, and taken out on the way out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from server_process import raw_stream, rest_of, said, speech, talk, wait_until

from lab_kit.models.persons import installed_version

LINE = "Yesterday Oluwaseun Adeyemi told me that it was cancelled."
WITHOUT = "Yesterday [name] told me that it was cancelled."
needs_it = pytest.mark.skipif(installed_version() is None, reason="the extra pii is not installed")


class Started:
    """``lab serve`` with a script and some options, ready."""

    def __init__(self, folder: Path, *options: str) -> None:
        script = folder / "script.txt"
        script.write_text(LINE, "utf-8")
        command = ["--model", "scripted", "--script", str(script), "--port", "0", "--ready-json"]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab_kit.gateway.run.process", *command, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        lines = iter(self.process.stdout.readline, "")
        ready = next(line for line in lines if line.startswith("{"))
        self.url = json.loads(ready)["url"]

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(HANG_S)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture(params=["by the model", "by lists"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Started, str]]:
    if request.param == "by lists":
        started, expected = Started(tmp_path, "--names", "lists"), LINE
    elif installed_version() is None:
        pytest.skip("the extra pii is not installed")
    else:
        started, expected = Started(tmp_path), WITHOUT
    yield started, expected
    assert started.stop() == 0


async def test_both_ways_out_and_the_log_say_how_names_are_found(
    server: tuple[Started, str],
) -> None:
    started, expected = server
    url = f"{started.url}/v1/audio:transcribe?redact=true"
    headers = {"content-type": "audio/l16;rate=16000"}
    answer = httpx.post(url, content=speech(), headers=headers, timeout=HANG_S)
    assert answer.json()["segments"][0]["text"] == expected
    async with raw_stream(started.url, redact="true", interim_results="true") as socket:
        await talk(socket, speech())
        await socket.send('{"type":"CloseStream"}')
        messages, code, _ = await rest_of(socket)
    assert code == 1000
    assert said(messages).startswith(expected)
    shown = {m["channel"]["alternatives"][0]["transcript"] for m in messages if "channel" in m}
    assert len(shown) > 1, "interims too"
    assert any("Adeyemi" in text for text in shown) == (expected == LINE)
    wait_until(lambda: "redaction finds names" in started.log.read_text(), "told how")
    assert ("en_core_web_sm" in started.log.read_text()) == (expected == WITHOUT)


def test_who_insists_on_what_is_not_installed_gets_no_server(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from lab_kit.models import persons\n"
        "persons.PACKAGE = 'no_such_model'\n"
        "from lab_kit.gateway.run.process import main\n"
        "sys.exit(main(['--model', 'scripted', '--port', '0', '--names', 'model',"
        f" '--repository', {str(tmp_path)!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 1
    assert "install lab_kit with its extra pii" in done.stderr
