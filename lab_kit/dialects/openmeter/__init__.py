"""OpenMeter's words: usage events in, meters that add them up."""
