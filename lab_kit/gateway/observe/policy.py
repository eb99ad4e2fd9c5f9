"""The rules in force on a server: the audit log is told of each decision, and of what made it."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files

from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.governance.policy import Asked, DataClass, Policies, Purpose, Region, Tenant
from lab_kit.governance.residency import denied

__all__ = ["Asked", "DataClass", "Purpose", "Region", "Rules", "Tenant", "packaged_policies"]
"""With the words that whoever asks needs; elsewhere in the gateway nobody knows the rules' home."""
_SCHEMA = "schema.cedarschema"
_RULES = ".cedar"


def packaged_policies() -> Policies:
    """The lab's own rules, which are files beside `lab_kit.governance.policy`.

    Raises:
        InvalidParameter: they do not fit the schema.
        NotInstalled: without cedarpy.
    """
    folder = files("lab_kit.governance") / "policies"
    rules = sorted((one for one in folder.iterdir() if one.name.endswith(_RULES)), key=str)
    text = "\n".join(one.read_text("utf-8") for one in rules)
    return Policies(text, (folder / _SCHEMA).read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a server asks before it does something with somebody's speech.

    Attributes:
        region: where this server is.
        regions: all that are known.
    """

    policies: Policies
    audit: Audit
    region: str
    regions: Collection[Region]

    def check(self, tenant: Tenant, asked: Asked) -> None:
        """Make sure that the rules allow it here.

        Raises:
            PolicyDenied: they do not; says which.
        """
        decision = self.policies.decide(tenant, asked, self.region, self.regions)
        about = {
            "purpose": asked.purpose,
            "feature": asked.feature,
            "region": self.region,
            "data_class": asked.data_class,
            "errors": decision.errors,
        }
        self.audit.decided(tenant.name, decision.is_allowed, decision.rules, about)
        if not decision.is_allowed:
            raise denied(tenant, asked, decision)
