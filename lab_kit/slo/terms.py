"""The queries of objectives, read without Prometheus: sums of rates of counters.

With it burn rates can be computed from what a server says of itself where no Prometheus runs. It
reads ``sum(rate(name{label="value"}[{{.window}}]))`` and sums of these, and refuses the rest.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter
from lab_kit.slo.openslo import WINDOW

_TERM = re.compile(
    rf"sum\(rate\((?P<name>[a-zA-Z_:][\w:]*)(?:\{{(?P<labels>[^}}]*)\}})?"
    rf"\[{re.escape(WINDOW)}\]\)\)"
)
_LABEL = re.compile(r'\s*(?P<name>\w+)\s*(?P<how>=~|=)\s*"(?P<value>[^"]*)"\s*')


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a counter, as a server exposes it."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Term:
    """All series of a counter whose labels are as wanted.

    Attributes:
        wanted: a pattern for each label, which has to match as a whole.
    """

    name: str
    wanted: tuple[tuple[str, str], ...]

    def takes(self, sample: Sample) -> bool:
        """Whether the sample is of one of them."""
        return sample.name == self.name and all(
            re.fullmatch(pattern, sample.labels.get(label, "")) for label, pattern in self.wanted
        )


def read_terms(query: str) -> tuple[Term, ...]:
    """The counters that a query adds up.

    Raises:
        InvalidParameter: it is more than a sum of rates.
    """
    parts = [part.strip() for part in query.split("+")]
    found = [_TERM.fullmatch(part) for part in parts]
    if not all(found):
        raise InvalidParameter(
            f"the query {query!r:.120}",
            f'a sum of sum(rate(name{{label="value"}}[{WINDOW}]))',
            "have Prometheus compute the others",
        )
    return tuple(Term(one["name"], _wanted(one["labels"] or "")) for one in found if one)


def value_of(terms: Iterable[Term], samples: Iterable[Sample]) -> float:
    """What the counters add up to."""
    known = tuple(samples)
    return sum(one.value for term in terms for one in known if term.takes(one))


def _wanted(labels: str) -> tuple[tuple[str, str], ...]:
    wanted = []
    for part in labels.split(",") if labels.strip() else ():
        found = _LABEL.fullmatch(part)
        if found is None:
            raise InvalidParameter(
                f"the labels {labels!r:.80}", 'name="value" or name=~"pattern"', "write it so"
            )
        exact = found["how"] == "="
        wanted.append((found["name"], re.escape(found["value"]) if exact else found["value"]))
    return tuple(wanted)
