"""``lab network``: a network that delays, loses, resets or goes deaf, in front of any server."""

import argparse
import signal
import threading
from urllib.parse import urlsplit

from lab_kit.cli.terminal import amount, amount_or_none, share, warn
from lab_kit.core.child_process import port_number
from lab_kit.core.errors import InvalidParameter


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument(
        "--in-front-of",
        required=True,
        metavar="URL",
        help="the server, such as http://127.0.0.1:8300",
    )
    command.add_argument("--grpc", metavar="HOST:PORT", help="where it speaks gRPC")
    command.add_argument("--port", type=port_number, default=0, help="default: any free port")
    command.add_argument("--one-way-ms", type=amount_or_none, default=0.0, help="delay each way")
    command.add_argument(
        "--jitter-ms", type=amount_or_none, default=0.0, help="up to so much more, by chance"
    )
    command.add_argument(
        "--loss", type=share, default=0.0, help="share of packets that are lost, and sent again"
    )
    command.add_argument("--kbit-per-s", type=amount, help="what the line carries, each way")
    command.add_argument("--idle-close-s", type=amount, help="close what was silent for so long")
    command.add_argument(
        "--deaf-after-s", type=amount, help="pass nothing more on a connection so old"
    )
    command.add_argument("--reset-after-s", type=amount, help="reset a connection so old")
    command.set_defaults(run=_network)


def _network(options: argparse.Namespace) -> int:
    from lab_kit.client import ServerAddress
    from lab_kit.experiments.networks.fault_proxy import FaultProxy
    from lab_kit.experiments.networks.network import Network

    given = urlsplit(options.in_front_of)
    if given.scheme != "http" or not given.hostname:
        raise InvalidParameter(
            f"--in-front-of {options.in_front_of}",
            "an http address with a host",
            "pass such as http://127.0.0.1:8300; TLS is passed on by no network of this kind",
        )
    network = Network(
        one_way_s=options.one_way_ms / 1e3,
        jitter_s=options.jitter_ms / 1e3,
        loss=options.loss,
        bytes_per_s=None if options.kbit_per_s is None else options.kbit_per_s * 125,
        idle_close_s=options.idle_close_s,
        deaf_after_s=options.deaf_after_s,
        reset_after_s=options.reset_after_s,
    )
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    proxy = FaultProxy(network)
    try:
        there = proxy.start(ServerAddress(options.in_front_of, grpc=options.grpc), options.port)
        print(f"listening on {there.url}", flush=True)
        if there.grpc is not None:
            print(f"gRPC on {there.grpc}", flush=True)
        is_over.wait()
    except KeyboardInterrupt:
        pass  # how it is meant to end
    finally:
        proxy.stop()
    carried = proxy.traffic()
    warn(f"carried {carried.up_bytes:,} bytes up and {carried.down_bytes:,} down")
    return 0
