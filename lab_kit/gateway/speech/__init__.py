"""Texts spoken for callers."""
