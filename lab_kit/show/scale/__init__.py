"""Past one machine: a map of regions, where streams go, a day, what starts cost, a prediction."""
