"""Reads objectives from OpenSLO documents: the fields that are used here, and no field silently.

What would change the meaning of an objective and is not done here is refused by name: time slices,
calendar windows, other periods. Source: OpenSLO, "OpenSLO v1", 2024, github.com/OpenSLO/OpenSLO.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from lab_kit.core.errors import InvalidParameter
from lab_kit.slo.objective import PERIOD_DAYS, Objective

API_VERSION = "openslo/v1"
WINDOW = "{{.window}}"
"""Where a query takes its window, as sloth's do."""
MOST_CHARS = 256_000
_PERIOD = f"{PERIOD_DAYS}d"


def read_openslo(text: str) -> tuple[Objective, ...]:
    """Every objective of a file, in its order.

    Raises:
        InvalidParameter: it is no YAML, too long, or an objective that cannot be followed here.
    """
    if len(text) > MOST_CHARS:
        raise _wrong(f"{len(text):,} characters", f"at most {MOST_CHARS:,}", "split the file")
    try:
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise _wrong(f"no YAML: {told:.200}", "documents in YAML", "mend the line") from error
    if not documents:
        raise _wrong("no document", "at least one of kind SLO", "name another file")
    found = tuple(_objective(one, f"document {at}") for at, one in enumerate(documents, 1))
    names = [one.id for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong(f"{twice[0]} stands twice", "each objective once", "rename one of them")
    return found


def _objective(document: Any, where: str) -> Objective:
    for field, expected in (("apiVersion", API_VERSION), ("kind", "SLO")):
        _check(_at(document, field, where), expected, f"{where}: {field}")
    name = _text(_at(document, "metadata.name", where), f"{where}: metadata.name")
    where = f"{where} ({name})"
    spec = _at(document, "spec", where)
    _check(_at(spec, "budgetingMethod", where), "Occurrences", f"{where}: budgetingMethod")
    (window,) = _list_of_one(_at(spec, "timeWindow", where), f"{where}: timeWindow")
    _check(_at(window, "duration", where), _PERIOD, f"{where}: timeWindow.duration")
    _check(_at(window, "isRolling", where), True, f"{where}: timeWindow.isRolling")
    ratio = _at(spec, "indicator.spec.ratioMetric", where)
    _check(_at(ratio, "counter", where), True, f"{where}: ratioMetric.counter")
    return Objective(
        name=name,
        service=_text(_at(spec, "service", where), f"{where}: service"),
        target=_target(_at(spec, "objectives", where), where),
        good=_query(ratio, "good", where),
        total=_query(ratio, "total", where),
        description=" ".join(str(spec.get("description", "")).split()),
    )


def _target(objectives: Any, where: str) -> float:
    (objective,) = _list_of_one(objectives, f"{where}: objectives")
    target = _at(objective, "target", where)
    is_number = isinstance(target, int | float) and not isinstance(target, bool)
    if not is_number or not 0 < target < 1:
        expected = "a share between 0 and 1, such as 0.99; 1 leaves no budget to burn"
        raise _wrong(f"{where}: target {target!r:.40}", expected, "write another target")
    return float(target)


def _query(ratio: Any, which: str, where: str) -> str:
    source = _at(ratio, f"{which}.metricSource", where)
    _check(_at(source, "type", where), "Prometheus", f"{where}: {which}.metricSource.type")
    query = _text(_at(source, "spec.query", where), f"{where}: {which} query")
    if WINDOW not in query:
        expected = f"[{WINDOW}] in it, as rules look over several windows"
        raise _wrong(f"{where}: {which} query {query!r:.80}", expected, "write rate(x[…])")
    return " ".join(query.split())


def _at(value: Any, path: str, where: str) -> Any:
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise _wrong(f"{where} without {path}", f"the field {path}", "add it")
        value = value[name]
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"{where} {value!r:.40}", "text", "write a text")
    return value.strip()


def _list_of_one(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise _wrong(f"{where}: {value!r:.60}", "a list of one", "write one document for each")
    return value


def _check(value: Any, expected: Any, where: str) -> None:
    if value != expected or type(value) is not type(expected):
        told = "true" if expected is True else str(expected)
        raise _wrong(f"{where} {value!r:.40}", told, f"write {told}: only that is followed here")


def _wrong(received: str, expected: str, next_step: str) -> InvalidParameter:
    return InvalidParameter(received, expected, next_step)
