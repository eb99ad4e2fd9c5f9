"""What the lab's rules make of the cases that readers see, and of those that judge them."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import proof


@pytest.mark.parametrize("cases", [proof.SHOWN, proof.CASES], ids=["shown", "judged by"])
def test_the_labs_own_rules_decide_each_as_it_has_to_be(cases: tuple[proof.Case, ...]) -> None:
    for one in proof.decided(proof.own_rules(), cases):
        assert one.is_right, one
        assert one.permits_alone == one.outcome, "nothing depends on a forbid"


def test_the_eu_that_is_down_is_not_served_elsewhere() -> None:
    found = {one.case.name: one for one in proof.decided(proof.own_rules())}
    down = found["the EU is down"]
    assert (down.outcome, down.case.up) == (proof.DOWN, ("us-east",))
    assert down.rules == ("eu-stays-in-the-eu",)
    assert found["home is a region that nobody knows"].errors
    assert proof.refused(tuple(found.values())) == 5


def test_a_case_without_any_permit_is_refused_everywhere() -> None:
    text = '@id("no") forbid (principal is Tenant, action, resource is Region);'
    assert {one.outcome for one in proof.decided(text)} == {proof.REFUSED}
    assert "no" in proof.decisions_table(proof.decided(text)).text


def test_a_rule_is_shown_as_it_is_written() -> None:
    rule = proof.rule_named("eu-stays-in-the-eu")
    assert rule.startswith('@id("eu-stays-in-the-eu")\nforbid')
    assert rule.endswith("};")
    with pytest.raises(ValueError, match="not found"):
        proof.rule_named("nobody-goes-anywhere")


def test_a_policy_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter):
        proof.decided("permit everything")
