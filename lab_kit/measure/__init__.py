"""What the figures mean: latency metrics from raw stamps, percentiles, word error rate."""
