"""Rules for Prometheus from objectives: what is recorded, and what is told to whom.

The names of recorded series and of labels are sloth's, so that dashboards made for it fit. Two
things differ. The ratio over the whole period is taken from the counters, not as a mean of short
ratios, in which a night without callers would weigh as much as a busy noon. And two alerts are
ours. An objective without events has one: a ratio of nothing is no number, and no other alert
fires. And one of which less than 90 % is good has one, whatever its target: a generous target's
budget burns slowly even then.

`lab_kit.slo.burn` says what the numbers mean.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from lab_kit.slo.burn import ALERTS, D30, H1, M5, WINDOWS, BurnAlert, Severity
from lab_kit.slo.objective import PERIOD_DAYS, Objective
from lab_kit.slo.openslo import WINDOW

Rule = dict[str, Any]
LEAST_GOOD = 0.9
"""Of all events; the course's own rule."""
MOST_RTF, RTF_SHARE = 0.8, 0.05
"""A stream beyond the first has hardly any room left; so many of them are no accident."""
_HEAD = "# Written by: lab slo rules{}. Change the objectives, not this.\n"


def write_rules(
    objectives: Sequence[Objective], compression: float = 1.0, more: Sequence[Rule] = ()
) -> str:
    """A rule file for Prometheus, in YAML.

    Args:
        more: groups of other rules.
        compression: by which all windows are shorter than their names say, to see in a minute what
            would take hours.

    Raises:
        ValueError: no compression of at least 1.
    """
    if not compression >= 1:
        raise ValueError(f"a compression of {compression}; pass 1 for real time, or more")
    groups = [group for one in objectives for group in _groups(one, compression)] + list(more)
    option = f" --compression {compression:g}" if compression != 1 else ""
    body = yaml.safe_dump({"groups": groups}, sort_keys=False, width=1_000, allow_unicode=True)
    return f"{_HEAD.format(option)}{body}"


def duration(seconds: float) -> str:
    """A time as Prometheus writes it, to the millisecond."""
    whole_ms = max(1, round(seconds * 1_000))
    return f"{whole_ms // 1_000}s" if whole_ms % 1_000 == 0 else f"{whole_ms}ms"


def alert_name(objective: Objective) -> str:
    """Such as ``FinalDelayBudgetBurns``."""
    return f"{_pascal(objective)}BudgetBurns"


def silence_name(objective: Objective) -> str:
    """The alert that there is nothing to judge, such as ``FinalDelayBudgetBurnsUnseen``."""
    return f"{alert_name(objective)}Unseen"


def low_name(objective: Objective) -> str:
    """The alert that much is bad, such as ``FinalDelayAttainmentLow``."""
    return f"{_pascal(objective)}AttainmentLow"


def rtf_group(compression: float = 1.0) -> Rule:
    """An alert of its own about streams for which the device has hardly any time left.

    The objective about RTF has a lower limit. This one has no budget: beyond it streams begin to
    fall behind.
    """
    sides = " and ".join(
        f"({_beyond(duration(window.seconds / compression))} > {RTF_SHARE:g})"
        for window in (M5, H1)
    )
    rule = {
        "alert": "StreamsNearRealTime",
        "expr": sides,
        "labels": {"sloth_severity": Severity.TICKET.value},
        "annotations": {
            "summary": f"More than {100 * RTF_SHARE:g} of 100 streams of the last hour had an RTF"
            f" over {MOST_RTF:g}.",
            "description": "At an RTF of 1 a stream takes all of the device's time that it lasts.",
        },
    }
    return {"name": "lab-rtf", "rules": [rule]}


def _beyond(within: str) -> str:
    """The share of streams over the limit, which is an edge of the histogram."""
    good = f'sum(rate(lab_stream_rtf_bucket{{le="{MOST_RTF:g}"}}[{within}]))'
    return f"1 - {good} / sum(rate(lab_stream_rtf_count[{within}]))"


def _pascal(objective: Objective) -> str:
    return "".join(word.capitalize() for word in objective.name.replace("_", "-").split("-"))


def _groups(objective: Objective, compression: float) -> list[Rule]:
    names = ("sli-recordings", "meta-recordings", "alerts")
    made = (_ratios(objective, compression), _meta(objective), _alerts(objective, compression))
    return [
        {"name": f"sloth-slo-{name}-{objective.id}", "rules": rules}
        for name, rules in zip(names, made, strict=True)
    ]


def _labels(objective: Objective) -> dict[str, str]:
    return {
        "sloth_id": objective.id,
        "sloth_service": objective.service,
        "sloth_slo": objective.name,
    }


def _selector(objective: Objective) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in _labels(objective).items())


def _ratios(objective: Objective, compression: float) -> list[Rule]:
    rules = []
    for window in WINDOWS:
        within = duration(window.seconds / compression)
        good, total = (text.replace(WINDOW, within) for text in (objective.good, objective.total))
        rules.append(
            {
                "record": _series(window.name),
                "expr": f"1 - ({good}) / ({total})",
                "labels": {**_labels(objective), "sloth_window": window.name},
            }
        )
    return rules


def _meta(objective: Objective) -> list[Rule]:
    labels, selector = _labels(objective), _selector(objective)
    same = "on(sloth_id, sloth_slo, sloth_service) group_left"
    budget = f"{same} slo:error_budget:ratio{{{selector}}}"
    recorded = (
        ("slo:objective:ratio", f"vector({objective.target})"),
        ("slo:error_budget:ratio", f"vector({objective.budget})"),
        ("slo:time_period:days", f"vector({PERIOD_DAYS})"),
        ("slo:current_burn_rate:ratio", f"{_series(M5.name)}{{{selector}}} / {budget}"),
        ("slo:period_burn_rate:ratio", f"{_series(D30.name)}{{{selector}}} / {budget}"),
        (
            "slo:period_error_budget_remaining:ratio",
            f"1 - slo:period_burn_rate:ratio{{{selector}}}",
        ),
    )
    return [{"record": name, "expr": expr, "labels": labels} for name, expr in recorded]


def _alerts(objective: Objective, compression: float) -> list[Rule]:
    told = {
        severity: [alert for alert in ALERTS if alert.severity is severity] for severity in Severity
    }
    rules = [
        {
            "alert": alert_name(objective),
            "expr": " or ".join(f"({_burns(objective, one)})" for one in alerts),
            "labels": {**_labels(objective), "sloth_severity": severity.value},
            "annotations": {
                "summary": f"{objective.service}: the error budget of {objective.name} burns"
                f" {min(one.rate for one in alerts):g} times too fast, or faster.",
                "description": objective.description,
            },
        }
        for severity, alerts in told.items()
    ]
    seen = f'{_series(H1.name)}{{sloth_id="{objective.id}"}}'
    rules.append(
        {
            "alert": silence_name(objective),
            # a ratio of no events is NaN, and NaN is at least 0 for nobody
            "expr": f"absent({seen} >= 0)",
            "for": duration(M5.seconds / compression),
            "labels": {**_labels(objective), "sloth_severity": Severity.TICKET.value},
            "annotations": {
                "summary": f"{objective.service}: no event of {objective.name} was counted for an"
                " hour, so that no other alert about it can fire.",
                "description": objective.description,
            },
        }
    )
    if objective.target > LEAST_GOOD:
        rules.append(_low(objective))
    return rules


def _low(objective: Objective) -> Rule:
    sides = " and ".join(
        f"max({_series(window.name)}{{{_selector(objective)}}} > {1 - LEAST_GOOD:g})"
        " without (sloth_window)"
        for window in (M5, H1)
    )
    return {
        "alert": low_name(objective),
        "expr": sides,
        "labels": {**_labels(objective), "sloth_severity": Severity.TICKET.value},
        "annotations": {
            "summary": f"{objective.service}: less than {LEAST_GOOD:.0%} of {objective.name} was"
            " good in the last hour, and is not now.",
            "description": objective.description,
        },
    }


def _burns(objective: Objective, alert: BurnAlert) -> str:
    """Over both windows; without their names, or the two sides of ``and`` never match."""
    sides = (
        f"max({_series(window.name)}{{{_selector(objective)}}} > ({alert.rate:g} *"
        f" {objective.budget})) without (sloth_window)"
        for window in (alert.short, alert.long)
    )
    return " and ".join(sides)


def _series(window: str) -> str:
    return f"slo:sli_error:ratio_rate{window}"
