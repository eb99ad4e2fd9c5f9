"""``lab ca``: the certificate that a client has to trust, and certificates for clients."""

import argparse
import os
from pathlib import Path

from lab_kit.core.errors import InvalidParameter


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument(
        "--client",
        metavar="NAME",
        help="make a client's certificate, such as for client.example, for servers that are started"
        " with --client-authority own",
    )
    command.add_argument(
        "--into", type=Path, metavar="FILE", help="where it and its private key are written, PEM"
    )
    command.set_defaults(run=_authority)


def _authority(options: argparse.Namespace) -> int:
    from lab_kit.gateway.run.authority import certificate_path, new_identity

    if (options.client is None) != (options.into is None):
        raise InvalidParameter(
            "--client or --into alone", "a client's name and a file", "name both"
        )
    if options.client is None:
        print(certificate_path())
        return 0
    made = new_identity(options.client)
    try:
        # nobody else may read it, from its first moment on; and what is there stays
        descriptor = os.open(options.into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidParameter(
            f"{options.into} ({error.strerror})", "a file that can be made", "name another"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(made.key + made.chain)
    print(options.into)
    return 0
