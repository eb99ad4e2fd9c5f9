"""The rules, by Prometheus' own judge: it runs them over the made histories.

Needs ``promtool``, which Debian's package ``prometheus`` has; ``.ci/run`` installs it.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hang import HANG_S
from slo_histories import HISTORIES, PAGE, TICKET, UNSEEN, History
from test_openslo import SHIPPED

from lab_kit.slo.burn import Severity
from lab_kit.slo.objective import Objective
from lab_kit.slo.openslo import read_openslo
from lab_kit.slo.rules import alert_name, duration, silence_name, write_rules

PROMTOOL = shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")
OBJECTIVE = Objective(
    "final-delay", "speech", 0.99, "sum(rate(good[{{.window}}]))", "sum(rate(all[{{.window}}]))"
)


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROMTOOL, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def alert(name: str, severity: str) -> str:
    return f'count(ALERTS{{alertname="{name}",alertstate="firing",sloth_severity="{severity}"}})'


QUERIES = {
    PAGE: alert(alert_name(OBJECTIVE), Severity.PAGE),
    TICKET: alert(alert_name(OBJECTIVE), Severity.TICKET),
    UNSEEN: alert(silence_name(OBJECTIVE), Severity.TICKET),
}


def promtool_test(history: History) -> dict[str, Any]:
    """A history as promtool takes it: every value written out, since its ``a+bxn`` resets."""
    counts = history.counts
    at = f"{round(counts[-1].at_s)}s"
    return {
        "interval": "1m",
        "input_series": [
            {"series": "all", "values": " ".join(f"{one.total:g}" for one in counts)},
            {"series": "good", "values": " ".join(f"{one.good:g}" for one in counts)},
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1}] if who in history.told else [],
            }
            for who, query in QUERIES.items()
        ],
    }


def judged(folder: Path, rules: str, history: History) -> "subprocess.CompletedProcess[str]":
    (folder / "rules.yml").write_text(rules)
    case = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "3m",
        "tests": [promtool_test(history)],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(case, width=10_000_000))
    return promtool("test", "rules", folder / "test.yml")


@needs_promtool
@pytest.mark.parametrize("history", HISTORIES, ids=[one.name for one in HISTORIES])
def test_promtool_has_the_same_people_told(history: History, tmp_path: Path) -> None:
    found = judged(tmp_path, write_rules([OBJECTIVE]), history)
    assert found.returncode == 0, found.stdout + found.stderr


@needs_promtool
def test_promtool_notices_a_rule_that_never_fires(tmp_path: Path) -> None:
    """Both sides of ``and`` keep the name of their window: well formed, and never true."""
    broken = write_rules([OBJECTIVE]).replace(" without (sloth_window)", " by (sloth_window)")
    assert broken != write_rules([OBJECTIVE])
    burning = next(one for one in HISTORIES if one.name == "fast burn")
    assert judged(tmp_path, broken, burning).returncode != 0
    assert promtool("check", "rules", tmp_path / "rules.yml").returncode == 0


@needs_promtool
@pytest.mark.parametrize("compression", [1, 120, 7])
def test_promtool_takes_the_rules_of_ours(compression: float, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(write_rules(read_openslo(SHIPPED), compression))
    found = promtool("check", "rules", tmp_path / "rules.yml")
    assert found.returncode == 0, found.stderr
    assert "68 rules found" in found.stdout


def test_the_rules_in_the_tree_are_those_of_the_objectives() -> None:
    kept = Path(__file__).parents[3] / "docker/prometheus/rules.yml"
    assert kept.read_text("utf-8") == write_rules(read_openslo(SHIPPED)), "lab slo rules > it"


def test_windows_are_shorter_and_keep_their_names() -> None:
    rules = yaml.safe_load(write_rules([OBJECTIVE], 120))["groups"][0]["rules"]
    assert [one["record"] for one in rules][:2] == [
        "slo:sli_error:ratio_rate5m",
        "slo:sli_error:ratio_rate30m",
    ]
    assert "[2500ms]" in rules[0]["expr"]
    assert rules[0]["labels"]["sloth_window"] == "5m"
    with pytest.raises(ValueError, match=r"0\.5"):
        write_rules([OBJECTIVE], 0.5)


@pytest.mark.parametrize(
    ("seconds", "written"), [(300, "300s"), (2.5, "2500ms"), (0.0001, "1ms"), (0.25, "250ms")]
)
def test_durations(seconds: float, written: str) -> None:
    assert duration(seconds) == written
