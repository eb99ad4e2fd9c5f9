"""Who fits: what a stream costs, admission, the degradation level, and which streams must end."""
