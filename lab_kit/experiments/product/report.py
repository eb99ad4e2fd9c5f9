"""The month's report of a product: for each tenant what was served in time, and its invoice."""

from collections.abc import Mapping

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, percent
from lab_kit.experiments.metering.several import invoiced
from lab_kit.experiments.product.product import CallMade, Product


def report_table(product: Product) -> Table:
    """A row a tenant.

    Raises:
        ServerFailed: nobody has called.
    """
    plans = {tenant: agreed.plan for tenant, agreed in product.tenants.items()}
    invoices = invoiced([one.state_folder for one in product.regions.values()], plans)
    by_tenant: Mapping[str, list[CallMade]] = {
        tenant: [one for one in product.calls if one.tenant == tenant] for tenant in plans
    }
    rows = []
    for tenant, calls in by_tenant.items():
        served = [one for one in calls if one.served_by]
        good = sum(one.final_delay_s is not None and one.final_delay_s <= BUDGET_S for one in calls)
        rows.append(
            (
                tenant,
                str(len(calls)),
                percent(len(served) / len(calls)) if calls else "-",
                percent(good / len(calls)) if calls else "-",
                f"{sum(one.sound_s for one in served):.1f}",
                plans[tenant],
                f"{invoices[tenant].total} USD",
            )
        )
    head = ("", "calls", "served", "finals in time", "sound s", "plan", "invoice")
    note = "In time: the slowest final within 0.3 s of the end of its words, at the caller."
    return Table("tenant", head, rows, (note,))
