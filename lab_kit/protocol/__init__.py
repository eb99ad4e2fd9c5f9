"""What a dialect implements, the rules that recorded streams are judged by, and events as JSON."""
