"""Whisper: weights read from CTranslate2's file into the architecture, and its rules."""
