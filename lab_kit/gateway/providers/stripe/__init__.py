"""Stripe's API of meters and meter events, its first version and its second."""
