"""``lab slo``: rules of the shipped objectives, of one's own, and refusals in one sentence."""

from pathlib import Path

import pytest
import yaml

from lab_kit.cli import main

KEPT = Path(__file__).parents[2] / "docker/prometheus/rules.yml"


def test_the_rules_of_the_shipped_objectives_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["slo", "rules"]) == 0
    assert capsys.readouterr().out == KEPT.read_text("utf-8")


def test_ones_own_objectives_begin_with_the_shipped_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["slo", "show"]) == 0
    file = tmp_path / "own.yaml"
    file.write_text(capsys.readouterr().out.replace("lab-speech", "own").replace("0.99\n", "0.9\n"))
    assert main(["slo", "rules", str(file), "--compression", "60"]) == 0
    printed = capsys.readouterr().out
    assert "lab slo rules --compression 60" in printed
    groups = yaml.safe_load(printed)["groups"]
    assert groups[0]["name"] == "sloth-slo-sli-recordings-own-final-delay"
    assert "[5s]" in groups[0]["rules"][0]["expr"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a: [", "no YAML"), (b"\xff", "OpenSLO documents"), (b"kind: SLO", "without apiVersion")],
)
def test_what_is_none_is_refused(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    assert main(["slo", "rules", str(file)]) == 1
    assert said in capsys.readouterr().err
    assert main(["slo", "rules", str(tmp_path / "missing")]) == 1


@pytest.mark.parametrize("times", ["0.5", "fast", "nan", "1e9"])
def test_no_compression_below_one(times: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["slo", "rules", "--compression", times])
    assert "a number from 1" in capsys.readouterr().err
