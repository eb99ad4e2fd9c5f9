"""Providers' doors: each one's routes in its own words, none knowing another."""
