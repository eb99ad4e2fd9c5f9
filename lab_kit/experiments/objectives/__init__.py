"""Objectives on a real server: counted at both ends, burnt, paged for, and lied about."""
