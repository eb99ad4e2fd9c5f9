"""Whether a tenant's speech may be served here: decided by rules before anything is received.

A tenant without a home region has agreed to nothing about places, and is asked nothing. For one
that has, everything that is done with its speech needs a rule that permits it; where the rules
cannot be asked, nothing is done.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property

from lab_kit.access.api_keys import Feature
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.gateway.door.call import Call
from lab_kit.gateway.door.tenants import Tenants
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.policy import (
    Asked,
    DataClass,
    Purpose,
    Region,
    Rules,
    Tenant,
    packaged_policies,
)

_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Where:
    """Where a server is, and what other regions there are.

    Attributes:
        here: the name of its own; empty where nobody said.
        regions: all that are known, its own included.
    """

    here: str = ""
    regions: tuple[Region, ...] = ()

    @classmethod
    def of(cls, here: str | None, others: Collection[str]) -> "Where":
        """From ``NAME:AREA``, as in ``eu-west:eu``.

        Raises:
            InvalidParameter: it is written otherwise, or named twice.
        """
        if here is None:
            if others:
                raise InvalidParameter("other regions, and none of its own", "--region", "name it")
            return cls()
        regions = tuple(map(_region, (here, *others)))
        if len({one.name for one in regions}) < len(regions):
            raise InvalidParameter("a region twice", "each once", "name it once")
        return cls(regions[0].name, regions)


@dataclass
class Residency:
    """The rules of one server.

    Args:
        where: the regions that they speak of.
    """

    tenants: Tenants
    audit: Audit
    where: Where = field(default_factory=Where)
    make: Callable[[Audit, Where], Rules] = lambda audit, where: Rules(
        packaged_policies(), audit, where.here, where.regions
    )

    def check(self, tenant: TenantId, feature: Feature, call: Call, *, keeps: bool = False) -> None:
        """Make sure that a call may have its speech served here.

        Args:
            keeps: what comes of it stays when it has ended.

        Raises:
            PolicyDenied: it may not; says by which rule.
            InvalidParameter: the call says a kind of speech, or a consent, that there is none of.
        """
        settings = self.tenants.settings(tenant)
        if settings.home_region is None:
            return
        agreed = Tenant(
            str(tenant),
            settings.home_region,
            frozenset(settings.allowed_regions),
            frozenset(map(_purpose, settings.consents)),
        )
        data_class, consents = _said(call)
        for purpose in (Purpose.RECOGNITION, *([Purpose.RETENTION] if keeps else [])):
            self._rules.check(agreed, Asked(purpose, feature, data_class, consents))

    def check_known(self, regions: Collection[str], consents: Collection[str]) -> None:
        """Make sure that a tenant's settings can be decided about here.

        Raises:
            InvalidParameter: they name a region that is not known, or no consent.
            NotInstalled: the rules need a package that is not here.
        """
        known = [one.name for one in self.where.regions]
        for name in regions:
            if name not in known:
                raise InvalidParameter(
                    f"the region {shown(name)}",
                    f"one of {', '.join(known) or 'none: the server was not told where it is'}",
                    "start the server with --region and --other-region",
                )
        for word in consents:
            _purpose(word)
        _ = self._rules

    @cached_property
    def _rules(self) -> Rules:
        return self.make(self.audit, self.where)


def _said(call: Call) -> tuple[DataClass, frozenset[Purpose]]:
    """What a call says of who speaks: by what the tenant vouches for."""
    consents = [word for word in call.subject_consents.replace(",", " ").split() if word]
    if len(consents) > _MOST_WORDS:
        raise InvalidParameter(
            f"{len(consents)} consents", f"at most {_MOST_WORDS}", "name each once"
        )
    try:
        data_class = DataClass(call.data_class or DataClass.ORDINARY)
    except ValueError as error:
        raise InvalidParameter(
            f"the data class {shown(call.data_class)}", " or ".join(DataClass), "send one of them"
        ) from error
    return data_class, frozenset(map(_purpose, consents))


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word)
    except ValueError as error:
        raise InvalidParameter(
            f"the consent {shown(word)}", f"one of {', '.join(Purpose)}", "send those alone"
        ) from error


def _region(text: str) -> Region:
    name, _, area = text.partition(":")
    if not name or not area:
        raise InvalidParameter(f"the region {shown(text)}", "NAME:AREA", "write eu-west:eu, say")
    return Region(name, area)
