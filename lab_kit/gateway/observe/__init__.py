"""What the server tells of itself: metrics, traces, the time of whole answers."""
