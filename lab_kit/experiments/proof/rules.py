"""Rules of residency and consent, decided by themselves: the lab's own, and a reader's.

Whoever forbids where a permit is broad depends on a rule that Cedar skips when it cannot be
evaluated. So what the permits alone would let through is looked at, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import shorten

from lab_kit.core.errors import PolicyDenied, RegionDown
from lab_kit.core.table import Table
from lab_kit.governance.policy import (
    Asked,
    DataClass,
    Decision,
    Policies,
    Purpose,
    Region,
    Tenant,
)
from lab_kit.governance.residency import Place, route

REFUSED, DOWN = "refused", "region down"
REGIONS = (Region("eu-west", "eu"), Region("eu-north", "eu"), Region("us-east", "us"))
_FEATURE = "streams"


@dataclass(frozen=True, slots=True)
class Case:
    """A call, and what has to become of it.

    Attributes:
        allowed: the regions where the tenant's contract lets its speech go.
        up: the regions that serve now, the nearest first.
        regions: those that the rules know of.
        expected: a region's name, `REFUSED` or `DOWN`.
        why: it has to be that.
    """

    name: str
    home: str
    allowed: tuple[str, ...]
    up: tuple[str, ...]
    expected: str
    why: str
    regions: tuple[Region, ...] = REGIONS
    purpose: Purpose = Purpose.RECOGNITION
    consents: tuple[Purpose, ...] = (Purpose.RECOGNITION,)
    data_class: DataClass = DataClass.ORDINARY
    said: tuple[Purpose, ...] = ()

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        return Tenant("acme", self.home, frozenset(self.allowed), frozenset(self.consents))

    @property
    def asked(self) -> Asked:
        """What it asks for."""
        return Asked(self.purpose, _FEATURE, self.data_class, frozenset(self.said))

    @property
    def places(self) -> list[Place]:
        """The known regions that serve first, and then those that are down."""
        named = {one.name: one for one in self.regions}
        unknown = Region("", "")
        ups = [Place(named.get(name, unknown)) for name in self.up if name in named]
        return [*ups, *(Place(one, False) for one in self.regions if one.name not in self.up)]


@dataclass(frozen=True, slots=True)
class Decided:
    """What rules made of a case.

    Attributes:
        rules: that made it, or why some could not be evaluated.
        permits_alone: what would become of it without the forbids.
    """

    case: Case
    outcome: str
    rules: tuple[str, ...]
    errors: tuple[str, ...]
    permits_alone: str

    @property
    def is_right(self) -> bool:
        """Whether it is what it has to be."""
        return self.outcome == self.case.expected


_EU = ("eu-west", "eu-north", "us-east")
_UNKNOWN = (Region("us-east", "us"),)
CASES = (
    Case("at home", "eu-west", ("eu-west",), ("eu-west", "us-east"), "eu-west", "it is at home"),
    Case(
        "home is down, its neighbour is up",
        "eu-west",
        ("eu-west", "eu-north"),
        ("eu-north", "us-east"),
        "eu-north",
        "eu-north is in the contract, and in the same area",
    ),
    Case(
        "the EU is down",
        "eu-west",
        _EU,
        ("us-east",),
        DOWN,
        "us-east is up, and in the contract, and not in the EU",
    ),
    Case(
        "not in the contract",
        "eu-west",
        ("eu-west",),
        ("eu-north",),
        DOWN,
        "eu-north is in the EU, but the contract names eu-west alone",
    ),
    Case(
        "an American tenant",
        "us-east",
        ("us-east", "eu-west"),
        ("eu-west",),
        "eu-west",
        "only what is at home in the EU has to stay there",
    ),
    Case(
        "no consent of the tenant",
        "eu-west",
        ("eu-west",),
        ("eu-west",),
        REFUSED,
        "the contract is not for recognition",
        consents=(),
    ),
    Case(
        "home is a region that nobody knows",
        "eu-south",
        ("us-east",),
        ("us-east",),
        REFUSED,
        "the area of eu-south is unknown, so nobody can say that it is not the EU",
        regions=_UNKNOWN,
    ),
)
"""For recognition; what a reader's residency policy is judged by."""
SHOWN = (
    *CASES[:3],
    Case(
        "to be kept, without consent to it",
        "eu-west",
        ("eu-west",),
        ("eu-west",),
        REFUSED,
        "the contract is for recognition alone",
        purpose=Purpose.RETENTION,
    ),
    Case(
        "about health, the speaker not asked",
        "eu-west",
        ("eu-west",),
        ("eu-west",),
        REFUSED,
        "sensitive speech needs the speaker's consent",
        data_class=DataClass.SENSITIVE,
    ),
    Case(
        "about health, the speaker agreed",
        "eu-west",
        ("eu-west",),
        ("eu-west",),
        "eu-west",
        "both agreed",
        data_class=DataClass.SENSITIVE,
        said=(Purpose.RECOGNITION,),
    ),
    Case(
        "to train on, the speaker not asked",
        "us-east",
        ("us-east",),
        ("us-east",),
        REFUSED,
        "training needs the speaker's consent",
        purpose=Purpose.TRAINING,
        consents=tuple(Purpose),
    ),
    CASES[-1],
)


@cache
def own_rules() -> str:
    """The lab's rules, as they are written."""
    folder = files("lab_kit.governance") / "policies"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".cedar"))
    return "\n".join((folder / name).read_text("utf-8") for name in names)


def rule_named(name: str) -> str:
    """One of the lab's rules, as it is written.

    Raises:
        ValueError: there is none of that name.
    """
    begin = own_rules().index(f'@id("{name}")')
    return own_rules()[begin : own_rules().index(";", begin) + 1]


@cache
def schema() -> str:
    """What the rules may speak of."""
    folder = files("lab_kit.governance") / "policies"
    return (folder / "schema.cedarschema").read_text("utf-8")


def decided(text: str, cases: Sequence[Case] = SHOWN) -> tuple[Decided, ...]:
    """What rules make of cases.

    Raises:
        InvalidParameter: the rules do not fit the schema, or have no names.
        NotInstalled: without cedarpy.
    """
    policies = Policies(text, schema())
    permits = Policies(_permits_of(text), schema())
    return tuple(_decided(policies, permits, one) for one in cases)


def refused(found: Sequence[Decided]) -> int:
    """How many of the calls no region serves."""
    return sum(one.outcome in (REFUSED, DOWN) for one in found)


def _short(text: str) -> str:
    return shorten(text, 90, placeholder=" …")


def decisions_table(found: Sequence[Decided]) -> Table:
    """A row for each case, with the rule that decided."""
    rows = [
        (
            one.case.name,
            f"{one.case.home}, up: {', '.join(one.case.up)}",
            one.case.purpose,
            one.outcome,
            ", ".join(one.rules) or _short("; ".join(one.errors)) or "no rule permits it",
        )
        for one in found
    ]
    return Table("case", ("case", "home", "for", "outcome", "by"), rows, left=5)


def _decided(policies: Policies, permits: Policies, case: Case) -> Decided:
    outcome = _outcome(policies, case)
    decision = _about(policies, case, outcome)
    return Decided(case, outcome, decision.rules, decision.errors, _outcome(permits, case))


def _outcome(policies: Policies, case: Case) -> str:
    try:
        return route(policies, case.tenant, case.asked, case.places).region.name
    except PolicyDenied:
        return REFUSED
    except RegionDown:
        return DOWN


def _about(policies: Policies, case: Case, outcome: str) -> Decision:
    """The decision on where it went, or else on the nearest region that is up."""
    region = outcome if outcome not in (REFUSED, DOWN) else case.up[0]
    return policies.decide(case.tenant, case.asked, region, case.regions)


def _permits_of(text: str) -> str:
    """The permits alone, or a rule that permits nothing where there is none."""
    import cedarpy  # Policies says where it is missing

    written = json.loads(cedarpy.policies_to_json_str(text))
    rules = written["staticPolicies"]
    written["staticPolicies"] = {
        key: rule for key, rule in rules.items() if rule["effect"] == "permit"
    }
    if not written["staticPolicies"]:
        return '@id("nothing") forbid (principal, action, resource);'
    return str(cedarpy.policies_from_json_str(json.dumps(written)))
