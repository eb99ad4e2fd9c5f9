"""Three products on one server, each with what its people cannot bear, in their own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lab_kit.core.table import Table

FIRST_RESULT, FINAL_DELAY, AVAILABILITY = "first result", "final delay", "availability"
INDICATORS = (FIRST_RESULT, FINAL_DELAY, AVAILABILITY)


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        said: what its people say; it holds all that an objective needs.
        indicator: what they mean.
        most_s: what they bear of it; None where nobody waits.
        one_in: of so many events one may be bad.
    """

    name: str
    said: str
    indicator: str
    most_s: float | None
    one_in: int

    @property
    def target(self) -> float:
        """The share that has to be good."""
        return round(1 - 1 / self.one_in, 9)


PRODUCTS: Mapping[str, Product] = MappingProxyType(
    {
        one.name: one
        for one in (
            Product(
                "agent",
                "Callers talk to a machine. When they have stopped, it needs what they said within"
                " 0.7 s, or they speak again. One turn in 200 may go wrong.",
                FINAL_DELAY,
                0.7,
                200,
            ),
            Product(
                "captions",
                "Viewers read along. When 1.2 s of a sentence are spoken and nothing is to be read,"
                " they look away. They forgive one sentence in 20.",
                FIRST_RESULT,
                1.2,
                20,
            ),
            Product(
                "notes",
                "Meetings are streamed at night and read in the morning; nobody waits. A stream"
                " that breaks has to be made again by hand: one in 1,000, at most.",
                AVAILABILITY,
                None,
                1_000,
            ),
        )
    }
)


def products_table() -> Table:
    """A line a product."""
    rows = [(one.name, one.said) for one in PRODUCTS.values()]
    return Table("product", ("product", "what its people say"), rows, left=2)
