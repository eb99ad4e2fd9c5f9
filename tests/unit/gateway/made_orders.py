"""Orders for operations, as a route would make them."""

from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.gateway.transcriptions.operation import Order
from lab_kit.protocol.recordings import Segment, Word

ROOT = bytes(32)
"""What wraps subjects' keys, of servers that come one after the other."""
ANN, BOB = TenantId("ann"), TenantId("bob")


def order_of(tenant: TenantId = ANN) -> Order:
    return Order(tenant, str(tenant), StreamIdentity.new(), ())


def segment(number: int) -> Segment:
    start_s = number * 2.0
    words = (Word(f"word{number}", start_s, start_s + 1.5, 0.9),)
    return Segment(start_s, start_s + 1.5, f"word{number}", 0.9, words)
