"""What the two ends of a stream owe each other, whatever the wire and whoever's words they use."""
