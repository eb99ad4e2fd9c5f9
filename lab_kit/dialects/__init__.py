"""Providers' wire protocols: message to event and back, no I/O.

A dialect is one module that imports events and errors and nothing of the gateway or the client.
"""
