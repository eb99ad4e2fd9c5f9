"""A client that sends a request whole and never reads the answer; whoever started it kills it.

    python -m lab_kit.experiments.api.dying_client HOST PORT PATH CONTENT_TYPE TOKEN [KEY]

The body comes on standard input. It prints ``sent`` and waits for its end, or for that of the
process that started it, which closes standard output.
"""

import http.client
import os
import select
import sys

_TIMEOUT_S = 60.0
"""Of one write; and however long it is left alone, it ends after that."""


def main() -> None:
    """Send, say so, and wait."""
    host, port, path, content_type, token, *key = sys.argv[1:]
    headers = {"content-type": content_type, "authorization": f"Token {token}"}
    if key:
        headers["idempotency-key"] = key[0]
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    connection.request("POST", path, sys.stdin.buffer.read(), headers)
    print("sent", flush=True)
    hung_up = select.poll()
    hung_up.register(sys.stdout, select.POLLERR | select.POLLHUP)
    hung_up.poll(_TIMEOUT_S * 1e3)
    os._exit(1)  # nobody wants to hear what becomes of the connection


if __name__ == "__main__":
    main()
