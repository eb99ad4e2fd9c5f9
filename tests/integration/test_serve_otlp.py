"""``lab serve --otlp``: a server's spans reach a collector, which may also not be one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from collector import collecting, spans_of
from hang import HANG_S
from server_process import wait_until

SERVE = (sys.executable, "-m", "lab_kit.cli", "serve", "--model", "scripted")


def test_spans_of_a_server_reach_a_collector(tmp_path: Path) -> None:
    options = ["--port", "0", "--ready-json", "--with-parent", "--trace-share", "1"]
    options += ["--trace-file", str(tmp_path / "traces.jsonl")]
    script = tmp_path / "script.txt"
    script.write_text("good morning\n")
    with collecting() as (url, taken), (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(
            [*SERVE, "--script", str(script), *options, "--otlp", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "LAB_REPOSITORY": str(tmp_path / "versions")},
        )
        assert server.stdin is not None
        assert server.stdout is not None
        ready = next(line for line in server.stdout if line.startswith(b"{"))
        answer = httpx.get(f"{json.loads(ready)['url']}/healthz", timeout=HANG_S)
        named = answer.headers["x-request-id"]

        def sent() -> set[str]:
            spans = [span for _, message in taken for span in spans_of(message)]
            return {
                one.value.string_value
                for span in spans
                for one in span.attributes
                if one.key == "request_id"
            }

        wait_until(lambda: named in sent(), "the request's span")
        server.stdin.close()
        assert server.wait(HANG_S) == 0


@pytest.mark.parametrize("url", ["collector:4317", "grpc://collector:4317"])
def test_no_address_over_http_is_said_in_a_sentence(url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*SERVE, "--port", "0", "--otlp", url, "--trace-file", str(tmp_path / "traces.jsonl")],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        env={**os.environ, "LAB_REPOSITORY": str(tmp_path / "versions")},
    )
    assert done.returncode == 1
    assert "the collector" in done.stderr
    assert "Traceback" not in done.stderr
