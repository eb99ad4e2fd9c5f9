"""Stripe's words for metered billing: meters, meter events, what they add up to."""
