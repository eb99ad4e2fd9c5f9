"""What every room knows: units, time, errors, events, records of calls, spans, processes."""
