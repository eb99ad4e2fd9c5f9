"""Engines in processes of their own: who calls them outlives them, and several may share one.

    keeper ── starts, watches, replaces ──> process   (one engine each: `serving` answers on a
                                               │       Unix socket in the keeper's folder)
    group  ── one `link` for each ─────────────┘

A `group` is an `Engine` like any other: it asks whichever process has room, and asks others when
one dies or hangs. A caller's sound stays with the caller until it is answered, so that the death of
an engine costs time and nothing else. `frames` is what the two ends tell each other.
"""
