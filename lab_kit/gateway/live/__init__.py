"""One live stream on the server, whatever the wire and whoever's words it speaks."""
