"""Objectives: what they allow, how fast that is spent, and the rules by which somebody is told."""
