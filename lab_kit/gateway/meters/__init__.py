"""Meters and what they measure: events of customers' use, kept for the billing providers' APIs."""
