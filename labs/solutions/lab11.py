"""Lab 11's answers.

11.1: whoever can write the folder makes the chain fit by computing all later hashes anew. The root
that was signed before is another one then. Only where the signed roots are gone, or signed anew
with the log's key, does it take a checkpoint that was saved elsewhere.

11.2: one permit that states contract, area and consent for itself. What it cannot check, such as
the area of an unknown region, it does not permit. The forbid beside it only gives a refusal its
name.

11.3: each question is about one action. Who erased somebody is not in the record of the deletion,
whose tenant is the person's; it is in the admission of the same request.
"""

from typing import Any

from lab_kit.experiments import proof


def forged(log: proof.Log) -> tuple[proof.Log, str]:
    """11.1: another tenant, and all hashes anew."""
    records = log.records
    records[5]["tenant"] = "somebody-else"
    return log.with_records(proof.chained(records)), "signed root"


policy = """
@id("recognition-where-agreed")
permit (principal is Tenant, action == Action::"recognition", resource is Region)
when {
  principal.allowed.contains(resource) &&
  (principal.home.area != "eu" || resource.area == "eu") &&
  principal.consents.contains("recognition")
};

@id("eu-stays-in-the-eu")
forbid (principal is Tenant, action, resource is Region)
when { principal.home.area == "eu" && resource.area != "eu" };
"""


def answers(case: proof.Audit) -> dict[str, Any]:
    """11.3."""
    calls = {
        one["request_id"]
        for one in case.records
        if one["action"] in ("call.admitted", "call.refused")
        and one["key_id"] == case.key_id
        and case.since <= one["time"] < case.until
    }
    streams = {
        one["stream_id"]
        for one in case.records
        if one["action"] == "stream.opened"
        and one["tenant"] == case.tenant
        and one["about"]["version"] == case.version
    }
    gone = [
        one
        for one in case.records
        if one["action"] == "data.deleted"
        and one["tenant"] == case.tenant
        and one["about"]["kind"] == "subject"
    ][-1]
    by = next(
        one["tenant"]
        for one in case.records
        if one["action"] == "call.admitted" and one["request_id"] == gone["request_id"]
    )
    rules = {
        rule
        for one in case.records
        if one["action"] == "policy.decided"
        and one["tenant"] == case.tenant
        and one["about"]["decision"] == "deny"
        for rule in one["about"]["rules"]
    }
    return {
        "calls": calls,
        "streams": streams,
        "erased": (gone["time"], by),
        "rules": rules,
        "first_bad": proof.first_bad(case.handed_over, case.saved),
    }
