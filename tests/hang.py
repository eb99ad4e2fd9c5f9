"""How long a test waits for what must come."""

HANG_S = 240.0
"""Only what hangs takes so long, however slow the machine is and whatever else it does."""
