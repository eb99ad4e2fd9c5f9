"""What is breaking to our comparison is breaking to buf, and the other way round."""

import subprocess
import sys
from pathlib import Path

import pytest
from protobuf_cases import BASE, CASES, Case

BUF = Path(sys.executable).parent / "buf"
RULES = "WIRE_JSON, RPC_NO_DELETE, SERVICE_NO_DELETE"
FOUND, NOTHING = 100, 0
"""Exit codes of buf; 1 means that it failed."""


def verdict_of_buf(folder: Path, new: str) -> int:
    for name, text in (("old", BASE), ("new", new)):
        (folder / name).mkdir()
        (folder / name / "speech.proto").write_text(text, encoding="utf-8")
        settings = f"version: v2\nbreaking:\n  use: [{RULES}]\n"
        (folder / name / "buf.yaml").write_text(settings, encoding="utf-8")
    told = subprocess.run(
        [BUF, "breaking", "--against", "../old"],
        cwd=folder / "new",
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": str(folder), "PATH": ""},
        check=False,
    )
    assert told.returncode in (FOUND, NOTHING), told.stderr
    return told.returncode


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.was[:30]!r}")
def test_both_say_the_same(case: Case, tmp_path: Path) -> None:
    assert verdict_of_buf(tmp_path, case.changed) == (FOUND if case.is_breaking else NOTHING)
