"""Puts this folder on the import path: tests in the rooms below use its helpers."""
