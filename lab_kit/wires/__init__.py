"""Wires move messages between two processes and know no provider."""
