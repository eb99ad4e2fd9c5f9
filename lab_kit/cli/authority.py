"""``lab ca``: where the certificate is that a client has to trust."""

import argparse


def add(command: argparse.ArgumentParser) -> None:
    """The command has no arguments."""
    command.set_defaults(run=_authority)


def _authority(_: argparse.Namespace) -> int:
    from lab_kit.gateway.run.authority import certificate_path

    print(certificate_path())
    return 0
