"""What the server tells of itself: metrics, traces, and decodes that failed for good."""
