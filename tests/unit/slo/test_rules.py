"""The rules, by Prometheus' own judge: it runs them over the made histories.

Needs ``promtool``, which Debian's package ``prometheus`` has; ``.ci/run`` installs it.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
import yaml
from hang import HANG_S
from slo_histories import HISTORIES, LOW, PAGE, TICKET, UNSEEN, History
from test_openslo import SHIPPED

from lab_kit.experiments.objectives.alerts import rules_text
from lab_kit.slo.burn import Severity
from lab_kit.slo.objective import Objective
from lab_kit.slo.openslo import read_openslo
from lab_kit.slo.rules import alert_name, duration, low_name, rtf_group, silence_name, write_rules

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
    LOW: alert(low_name(OBJECTIVE), Severity.TICKET),
}


def judged(folder: Path, rules: str, history: History) -> "subprocess.CompletedProcess[str]":
    counts = history.counts
    series = {"all": [one.total for one in counts], "good": [one.good for one in counts]}
    told = {query: who in history.told for who, query in QUERIES.items()}
    return judged_series(folder, rules, series, told)


def judged_series(
    folder: Path, rules: str, series: Mapping[str, Sequence[float]], told: Mapping[str, bool]
) -> "subprocess.CompletedProcess[str]":
    """By promtool: a reading a minute, written out, since its ``a+bxn`` resets; told at the end."""
    (last,) = {len(values) - 1 for values in series.values()}
    history = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join(f"{one:g}" for one in values)}
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": f"{last}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if is_told else [],
            }
            for query, is_told in told.items()
        ],
    }
    (folder / "rules.yml").write_text(rules)
    case = {"rule_files": ["rules.yml"], "evaluation_interval": "3m", "tests": [history]}
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
    (tmp_path / "rules.yml").write_text(rules_text(compression))
    found = promtool("check", "rules", tmp_path / "rules.yml")
    assert found.returncode == 0, found.stderr
    assert "73 rules found" in found.stdout


@needs_promtool
@pytest.mark.parametrize(
    ("beyond", "is_told"),
    [((10,) * 60, True), ((4,) * 60, False), ((100,) * 2 + (0,) * 6, False), ((0,) * 60, False)],
    ids=["one in ten", "one in twenty-five", "a blip", "none"],
)
def test_streams_near_real_time_are_told(
    beyond: tuple[int, ...], is_told: bool, tmp_path: Path
) -> None:
    """Of a hundred streams a minute so many are beyond the RTF that alerts, after a quiet hour."""
    each = (0,) * 66 + beyond
    each += (0,) * (-len(each) % 6)
    series = {
        'lab_stream_rtf_bucket{le="0.8"}': accumulate(100 - one for one in each),
        "lab_stream_rtf_count": accumulate(100 for _ in each),
    }
    found = judged_series(
        tmp_path,
        write_rules([], more=[rtf_group()]),
        {name: [0, *values] for name, values in series.items()},
        {alert("StreamsNearRealTime", Severity.TICKET): is_told},
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_target_that_is_lower_has_no_alert_at_nine_of_ten() -> None:
    generous = replace(OBJECTIVE, target=0.9)
    assert low_name(generous) not in write_rules([generous])
    assert low_name(OBJECTIVE) in write_rules([OBJECTIVE])


def test_the_rules_in_the_tree_are_those_of_the_objectives() -> None:
    kept = Path(__file__).parents[3] / "docker/prometheus/rules.yml"
    assert kept.read_text("utf-8") == rules_text(), "lab slo rules > it"
    assert rules_text().startswith(write_rules(read_openslo(SHIPPED)))


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
