"""What every room knows: units, time, errors, events, call records, spans, child processes."""
