"""Where speech is: loudness, energy, voice activity, and when somebody has finished."""
