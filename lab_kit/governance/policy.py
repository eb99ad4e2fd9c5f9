"""Residency and consent as rules that an auditor can read, and what they decide.

The rules are text in Cedar's language, checked against a schema when they are loaded. Two things of
Cedar's are not left to chance. A rule whose condition cannot be evaluated, because a region is
unknown, say, is skipped by Cedar, a forbid too: here that refuses. And each rule has a name, so
that a decision says which of them made it.

Source: Cutler et al., 2024, "Cedar: A New Language for Expressive, Fast, Safe, and Analyzable
Authorization", OOPSLA.
"""

import json
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lab_kit.core.errors import InvalidParameter, NotInstalled

_LONGEST_ERROR = 300
_KEY = re.compile(r"`(policy\d+)`")


class Purpose(StrEnum):
    """What is to be done with somebody's speech; consents are to the same."""

    RECOGNITION = "recognition"
    RETENTION = "retention"
    TRAINING = "training"


class DataClass(StrEnum):
    """What kind of speech it is; the second for what GDPR, Article 9 names."""

    ORDINARY = "ordinary"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True)
class Region:
    """Where speech can be served.

    Attributes:
        area: what a law is about, such as ``eu``.
    """

    name: str
    area: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is agreed with a tenant.

    Attributes:
        home: the region that its own customers are in.
        allowed: the regions where its contract lets their speech go.
        consents: what its contract is for.
    """

    name: str
    home: str
    allowed: frozenset[str]
    consents: frozenset[Purpose]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call wants done.

    Attributes:
        feature: such as ``streams``, as scopes of API keys name it.
        subject_consents: what the person who speaks has agreed to, as the tenant says.
    """

    purpose: Purpose
    feature: str
    data_class: DataClass = DataClass.ORDINARY
    subject_consents: frozenset[Purpose] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say.

    Attributes:
        rules: the names of those that made it: the permits, or the forbids. None of either where
            nothing permits it.
        errors: why rules could not be evaluated; there is none where it is allowed.
    """

    is_allowed: bool
    rules: tuple[str, ...]
    errors: tuple[str, ...] = ()


class Policies:
    """Rules that were checked.

    Args:
        text: in Cedar's language; each rule has an ``@id``.
        schema: in Cedar's language for schemas.

    Raises:
        InvalidParameter: they do not fit the schema, or a rule has no name of its own.
        NotInstalled: without cedarpy.
    """

    def __init__(self, text: str, schema: str) -> None:
        try:
            import cedarpy
        except ModuleNotFoundError as error:
            raise NotInstalled.extra("policies", "cedarpy", "policy") from error
        self._cedar = cedarpy
        try:
            self._schema = cedarpy.Schema.from_str(schema)
            self._policies = cedarpy.PolicySet.from_str(text)
            found = cedarpy.validate_policies(text, self._schema)
            written = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
        except ValueError as error:
            raise _wrong(str(error)) from error
        if not found.validation_passed:
            raise _wrong("; ".join(one.error for one in found.errors))
        named = {key: rule.get("annotations", {}).get("id") for key, rule in written.items()}
        often = [name for name, times in Counter(named.values()).items() if times > 1 or not name]
        if often:
            raise _wrong(f"rules without a name of their own: {often}")
        self._named: dict[str, str] = named

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rules."""
        return tuple(self._named.values())

    def decide(
        self, tenant: Tenant, asked: Asked, region: str, regions: Collection[Region]
    ) -> Decision:
        """Whether it may be done in a region.

        Args:
            regions: all that are known.
        """
        entities = [_tenant(tenant), *map(_region, regions)]
        request = {
            "principal": {"type": "Tenant", "id": tenant.name},
            "action": {"type": "Action", "id": asked.purpose},
            "resource": {"type": "Region", "id": region},
            "context": {
                "feature": asked.feature,
                "data_class": asked.data_class,
                "subject_consents": sorted(asked.subject_consents),
            },
        }
        said = self._cedar.is_authorized(request, self._policies, entities, self._schema)
        errors = tuple(self._with_names(one)[:_LONGEST_ERROR] for one in said.diagnostics.errors)
        rules = tuple(sorted(self._named[key] for key in said.diagnostics.reasons))
        if errors and said.allowed:  # a forbid may be among those that could not be evaluated
            return Decision(False, (), errors)
        return Decision(bool(said.allowed), rules, errors)

    def _with_names(self, error: str) -> str:
        """An error of Cedar's, which knows rules by their keys."""
        return _KEY.sub(lambda found: f"`{self._named.get(found[1], found[1])}`", error)


def _tenant(tenant: Tenant) -> dict[str, Any]:
    attributes = {
        "home": _named("Region", tenant.home),
        "allowed": [_named("Region", name) for name in sorted(tenant.allowed)],
        "consents": sorted(tenant.consents),
    }
    return {"uid": {"type": "Tenant", "id": tenant.name}, "attrs": attributes, "parents": []}


def _region(region: Region) -> dict[str, Any]:
    uid = {"type": "Region", "id": region.name}
    return {"uid": uid, "attrs": {"area": region.area}, "parents": []}


def _named(kind: str, name: str) -> dict[str, dict[str, str]]:
    return {"__entity": {"type": kind, "id": name}}


def _wrong(what: str) -> InvalidParameter:
    return InvalidParameter(
        what[:1_000], "rules that fit the schema, each with an @id of its own", "correct the policy"
    )
