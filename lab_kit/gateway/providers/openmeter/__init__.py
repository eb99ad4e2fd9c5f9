"""OpenMeter's API of events and meters."""
