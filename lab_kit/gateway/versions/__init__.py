"""Numbered weights side by side: loaded, warmed, leased, compared, put away."""
