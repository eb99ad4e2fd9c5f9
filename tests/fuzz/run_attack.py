"""One attack as a process of its own: its work must not delay whoever measures the server.

    python tests/fuzz/run_attack.py KIND --url URL --grpc ADDRESS [--seconds 10] [--seed 1]
                                    [--attempt N] [--niceness 0]

The key is read from LAB_FUZZ_KEY. Prints what came of it as one line of JSON. ``--attempt`` makes
one attempt again, by the number that a fault was told with.
"""

import argparse
import asyncio
import json
import os
import sys
from importlib import import_module

from attempts import Kind, Target, attack

KINDS = (
    "http_schema",
    "http_bytes",
    "socket_frames",
    "protobufs",
    "audio_files",
    "slow_clients",
    "floods",
)
"""The modules beside this one; each has a `KIND`. Only the one that is asked for is imported."""
COMPUTING = "computing"
"""No attack, but what one is compared with."""
KEY_VARIABLE = "LAB_FUZZ_KEY"


def main() -> int:
    """Parse, attack, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=(*KINDS, COMPUTING))
    parser.add_argument("--url", required=True)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attempt", type=int)
    parser.add_argument("--niceness", type=int, default=0)
    given = parser.parse_args()
    os.nice(given.niceness)
    kind: Kind = import_module(given.kind).KIND
    target = Target(given.url, given.grpc, os.environ[KEY_VARIABLE])
    tally = asyncio.run(attack(kind, target, given.seconds, given.seed, given.attempt))
    print(json.dumps(tally.told()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
