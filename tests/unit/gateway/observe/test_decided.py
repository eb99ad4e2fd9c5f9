"""Each decision of the rules is in the audit log, with its rules; what they forbid is refused."""

import json
from pathlib import Path

import pytest
from hang import HANG_S

from lab_kit.core.errors import PolicyDenied
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.audit.log import AuditLog
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.policy import Rules, packaged_policies
from lab_kit.governance.policy import Asked, Purpose, Region, Tenant

REGIONS = (Region("eu-west", "eu"), Region("us-east", "us"))


def test_what_the_rules_decide_is_told_and_what_they_forbid_refused(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, lambda: bytes(32), Metrics())
    log.open()
    rules = Rules(packaged_policies(), Audit(log), "us-east", REGIONS)
    here, asked = frozenset({"us-east"}), Asked(Purpose.RECOGNITION, "streams")
    european = Tenant("euro", "eu-west", here, frozenset(Purpose))
    rules.check(Tenant("acme", "us-east", here, frozenset(Purpose)), asked)
    with pytest.raises(PolicyDenied, match="eu-stays-in-the-eu"):
        rules.check(european, asked)
    log.signed().result(HANG_S)
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines()
    told = [one for one in map(json.loads, lines) if one["action"] == "policy.decided"]
    assert [(one["tenant"], one["about"]["decision"], one["about"]["rules"]) for one in told] == [
        ("acme", "allow", ["recognition-where-allowed"]),
        ("euro", "deny", ["eu-stays-in-the-eu"]),
    ]
    assert told[0]["about"]["region"] == "us-east"
    log.close()
