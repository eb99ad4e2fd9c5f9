"""The rules as a table: who asks for what, with whose consent, where; and which rule says so."""

from itertools import combinations, product
from pathlib import Path

import pytest

import lab_kit.governance
from lab_kit.core.errors import InvalidParameter, PolicyDenied, RegionDown
from lab_kit.gateway.observe.policy import packaged_policies
from lab_kit.governance.policy import Asked, DataClass, Policies, Purpose, Region, Tenant
from lab_kit.governance.residency import Place, route

FOLDER = Path(lab_kit.governance.__file__).parent / "policies"
SCHEMA = (FOLDER / "schema.cedarschema").read_text("utf-8")
POLICIES = packaged_policies()
EU_WEST, EU_NORTH, US = Region("eu-west", "eu"), Region("eu-north", "eu"), Region("us-east", "us")
REGIONS = (EU_WEST, EU_NORTH, US)
RECOGNIZE, RETAIN, TRAIN = Purpose
ALL = frozenset(Purpose)
NONE: frozenset[Purpose] = frozenset()
ORDINARY, SENSITIVE = DataClass
EVERYWHERE = frozenset(one.name for one in REGIONS)

EUROPEAN = Tenant("european", "eu-west", frozenset({"eu-west", "eu-north"}), ALL)
CARELESS = Tenant("careless", "eu-west", EVERYWHERE, ALL)
AMERICAN = Tenant("american", "us-east", EVERYWHERE, ALL)
FRUGAL = Tenant("frugal", "us-east", EVERYWHERE, frozenset({RECOGNIZE}))
NOBODY = Tenant("nobody", "us-east", frozenset(), NONE)

TABLE = [
    # who, for what, in which region, what kind of speech, the speaker's consents, allowed, by which
    (EUROPEAN, RECOGNIZE, "eu-west", ORDINARY, NONE, True, ["recognition-where-allowed"]),
    (EUROPEAN, RECOGNIZE, "eu-north", ORDINARY, NONE, True, ["recognition-where-allowed"]),
    (
        *(EUROPEAN, RECOGNIZE, "us-east", ORDINARY, ALL),
        *(False, ["eu-stays-in-the-eu", "only-allowed-regions"]),
    ),
    (CARELESS, RECOGNIZE, "us-east", ORDINARY, ALL, False, ["eu-stays-in-the-eu"]),
    (CARELESS, RETAIN, "us-east", ORDINARY, ALL, False, ["eu-stays-in-the-eu"]),
    (CARELESS, TRAIN, "us-east", ORDINARY, ALL, False, ["eu-stays-in-the-eu"]),
    (AMERICAN, RECOGNIZE, "us-east", ORDINARY, NONE, True, ["recognition-where-allowed"]),
    (AMERICAN, RECOGNIZE, "eu-west", ORDINARY, NONE, True, ["recognition-where-allowed"]),
    (AMERICAN, RETAIN, "us-east", ORDINARY, NONE, True, ["retention-where-allowed"]),
    (AMERICAN, TRAIN, "us-east", ORDINARY, ALL, True, ["training-where-everybody-agreed"]),
    (AMERICAN, TRAIN, "us-east", ORDINARY, NONE, False, ["training-needs-the-speakers-consent"]),
    (AMERICAN, TRAIN, "us-east", SENSITIVE, ALL, False, ["nothing-is-trained-on-sensitive-speech"]),
    (
        *(AMERICAN, RECOGNIZE, "us-east", SENSITIVE, NONE),
        *(False, ["sensitive-speech-needs-the-speakers-consent-to-recognition"]),
    ),
    (AMERICAN, RECOGNIZE, "us-east", SENSITIVE, {RECOGNIZE}, True, ["recognition-where-allowed"]),
    (
        *(AMERICAN, RETAIN, "us-east", SENSITIVE, {RECOGNIZE}),
        *(False, ["sensitive-speech-needs-the-speakers-consent-to-retention"]),
    ),
    (AMERICAN, RETAIN, "us-east", SENSITIVE, {RETAIN}, True, ["retention-where-allowed"]),
    (FRUGAL, RECOGNIZE, "us-east", ORDINARY, NONE, True, ["recognition-where-allowed"]),
    (FRUGAL, RETAIN, "us-east", ORDINARY, ALL, False, ["retention-needs-the-tenants-consent"]),
    (FRUGAL, TRAIN, "us-east", ORDINARY, ALL, False, ["training-needs-the-tenants-consent"]),
    (
        *(NOBODY, RECOGNIZE, "us-east", ORDINARY, ALL),
        *(False, ["only-allowed-regions", "recognition-needs-the-tenants-consent"]),
    ),
]


@pytest.mark.parametrize(
    ("tenant", "purpose", "region", "kind", "agreed", "is_allowed", "rules"), TABLE
)
def test_the_rules_decide_and_say_which_of_them_did(
    tenant: Tenant,
    purpose: Purpose,
    region: str,
    kind: DataClass,
    agreed: frozenset[Purpose],
    is_allowed: bool,
    rules: list[str],
) -> None:
    asked = Asked(purpose, "streams", kind, frozenset(agreed))
    decision = POLICIES.decide(tenant, asked, region, REGIONS)
    assert (decision.is_allowed, list(decision.rules), decision.errors) == (is_allowed, rules, ())


def test_the_table_has_every_rule() -> None:
    used = {name for *_, rules in TABLE for name in rules}
    assert used == set(POLICIES.names)


def one_rule(name: str) -> str:
    """The text of one of the lab's rules."""
    texts = [path.read_text("utf-8") for path in sorted(FOLDER.glob("*.cedar"))]
    (found,) = (
        f'@id("{part}'
        for text in texts
        for part in text.split('@id("')[1:]
        if part.startswith(name + '"')
    )
    return found


BROAD = '@id("broad") permit (principal, action, resource);'


@pytest.mark.parametrize("name", POLICIES.names)
@pytest.mark.parametrize("missing", ["the call's region", "every region"])
def test_a_rule_that_cannot_be_evaluated_refuses_whatever_else_permits(
    name: str, missing: str
) -> None:
    """Cedar skips a rule that fails: beside a broad permit, a forbid would be gone unseen."""
    policies = Policies(f"{one_rule(name)}\n{BROAD}", SCHEMA)
    known = [EU_NORTH] if missing == "every region" else [EU_WEST, EU_NORTH]
    uses_regions = "resource.area" in one_rule(name) or "home.area" in one_rule(name)
    for purpose in Purpose:
        asked = Asked(purpose, "streams", ORDINARY, ALL)
        decision = policies.decide(AMERICAN, asked, "us-east", known)
        is_about_it = f'Action::"{purpose}"' in one_rule(name) or "action," in one_rule(name)
        if uses_regions and is_about_it:
            assert not decision.is_allowed
            assert name in decision.errors[0]
        # all together refuse in any case
        assert not POLICIES.decide(AMERICAN, asked, "us-east", known).is_allowed


def test_each_permit_alone_keeps_europe_in_europe() -> None:
    """Without any forbid: no rule's work is left to another, which may be skipped."""
    permits = Policies((FOLDER / "permits.cedar").read_text("utf-8"), SCHEMA)
    for purpose, region in product(Purpose, REGIONS):
        asked = Asked(purpose, "streams", ORDINARY, ALL)
        is_allowed = permits.decide(CARELESS, asked, region.name, REGIONS).is_allowed
        assert is_allowed == (region.area == "eu")


def test_a_tenant_without_a_known_home_is_refused() -> None:
    stray = Tenant("stray", "atlantis", EVERYWHERE, ALL)
    decision = POLICIES.decide(stray, Asked(RECOGNIZE, "streams"), "us-east", REGIONS)
    assert not decision.is_allowed
    assert "atlantis" in decision.errors[0]


def of_tenants(condition: str) -> str:
    return (
        f'{BROAD} @id("x") permit (principal is Tenant, action, resource is Region)'
        f" when {{ {condition} }};"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BROAD.replace("principal,", "principal"), "unexpected token"),
        (of_tenants("principal.hom == resource"), "attribute `hom`"),
        (of_tenants("resource.area < 3"), "unexpected type"),
        ("permit (principal, action, resource);", "name of their own"),
        (f"{BROAD} {BROAD}", "name of their own"),
        (BROAD.replace("action,", 'action == Action::"sale",'), "sale"),
    ],
)
def test_rules_that_do_not_fit_the_schema_are_refused_when_they_are_loaded(
    text: str, says: str
) -> None:
    with pytest.raises(InvalidParameter, match=says):
        Policies(text, SCHEMA)


# -- which region ----------------------------------------------------------------------------------


def places(*up: Region) -> list[Place]:
    return [Place(one, one in up) for one in REGIONS]


@pytest.mark.parametrize(
    ("tenant", "up", "goes_to"),
    [
        (EUROPEAN, REGIONS, "eu-west"),
        (EUROPEAN, (EU_NORTH, US), "eu-north"),
        (CARELESS, (EU_NORTH, US), "eu-north"),
        (AMERICAN, REGIONS, "us-east"),
        (AMERICAN, (EU_WEST, EU_NORTH), "eu-west"),
        (AMERICAN, (EU_NORTH,), "eu-north"),
    ],
)
def test_a_call_goes_home_and_else_to_the_nearest_that_may(
    tenant: Tenant, up: tuple[Region, ...], goes_to: str
) -> None:
    found = route(POLICIES, tenant, Asked(RECOGNIZE, "streams"), places(*up))
    assert found.region.name == goes_to
    assert found.decision.rules == ("recognition-where-allowed",)


@pytest.mark.parametrize("tenant", [EUROPEAN, CARELESS])
def test_a_european_call_is_refused_while_europe_is_down(tenant: Tenant) -> None:
    with pytest.raises(RegionDown, match="eu-west, eu-north") as refused:
        route(POLICIES, tenant, Asked(RECOGNIZE, "streams"), places(US))
    assert refused.value.retryable


def test_what_no_region_may_do_is_refused_by_its_rules() -> None:
    with pytest.raises(PolicyDenied, match="training-needs-the-speakers-consent") as refused:
        route(POLICIES, EUROPEAN, Asked(TRAIN, "streams"), places(*REGIONS))
    assert refused.value.details == {"rules": "training-needs-the-speakers-consent"}
    with pytest.raises(PolicyDenied, match="none permits it"):
        route(POLICIES, EUROPEAN, Asked(RECOGNIZE, "streams"), [])


def test_european_speech_never_leaves_whatever_is_up_allowed_and_agreed() -> None:
    """Every set of regions that are up, every contract, every purpose, consent and kind."""
    subsets = [set(some) for count in range(4) for some in combinations(REGIONS, count)]
    tried = 0
    for up, allowed, purpose, kind, agreed in product(
        subsets, subsets, Purpose, DataClass, (NONE, ALL)
    ):
        tenant = Tenant("any", "eu-west", frozenset(one.name for one in allowed), ALL)
        asked = Asked(purpose, "streams", kind, agreed)
        try:
            found = route(POLICIES, tenant, asked, places(*up))
        except (PolicyDenied, RegionDown):
            continue
        finally:
            tried += 1
        assert found.region.area == "eu"
        assert found.region in up & allowed
    assert tried == 8 * 8 * 3 * 2 * 2
