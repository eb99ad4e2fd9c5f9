"""Pictures of usage and its bill: a stream's events, a chain that is killed, an invoice, prices."""
