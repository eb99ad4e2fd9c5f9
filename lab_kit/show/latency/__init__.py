"""Where the milliseconds went: waterfalls, delays, stages, turns, transcripts."""
