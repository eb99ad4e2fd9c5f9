"""Providers' wire protocols: message to event and back, no I/O.

A dialect is a room that imports events and errors and nothing of the gateway or the client. Each
has the same roles: ``options`` (what may be asked, with the provider's limits), ``server`` (events
to messages), ``client`` (messages to events) and ``errors`` (our error in the provider's words).
What several of them need has a file of its own beside them; a provider with two APIs that share no
message has a room for each.
"""
