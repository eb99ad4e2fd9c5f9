"""Objectives: both ends of a run, a budget that burns, and what figures leave out."""
