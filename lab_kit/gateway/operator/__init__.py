"""The operator's API: versions, labels, batching, degradation, failing steps, dead letters."""
