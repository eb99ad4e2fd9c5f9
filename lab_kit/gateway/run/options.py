"""What ``lab serve`` may be told, and what that means for a server."""

import argparse
import math
import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path

from lab_kit.core.child_process import HOST, port_number
from lab_kit.core.errors import InvalidParameter
from lab_kit.engine.opening import SERVED
from lab_kit.engine.scripted import SCRIPTED
from lab_kit.gateway.door.keys import KEY_VARIABLE, OPERATOR_KEY_VARIABLE, Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.residency import Where
from lab_kit.gateway.observe.trace_file import (
    DEFAULT_SHARE,
    FILE_VARIABLE,
    SHARE_VARIABLE,
    TraceFile,
)
from lab_kit.gateway.run.certificates import CertificateFiles
from lab_kit.models.store.repository import default_root

DEFAULT_PORT = 8300
DATABASE_VARIABLE = "LAB_DATABASE"
REPLIES_KEY_VARIABLE = "LAB_REPLIES_KEY"
DEFAULT_MODEL = "moonshine-tiny-en"
BY_LISTS, BY_MODEL = "lists", "model"
NAMES = (BY_LISTS, BY_MODEL)
"""How redaction finds names of people: by rules and lists alone, or by a model beside them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that writes spoken answers; see `EndpointLanguage`."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a server serves, and to whom.

    Attributes:
        repository: the folder of versions.
        model: the catalog's name.
        keys: who is let in.
        is_ephemeral: remove the repository at the end; it was made for this server alone.
        grpc_port: where gRPC is spoken; 0 takes any free port.
        grpc_tls_port: the same with TLS; None for nowhere.
        tls_port: where HTTP and WebSockets are spoken with TLS; None for nowhere.
        traces: where sampled traces go; None for nowhere.
        state: folder for what outlives requests and the server; None for one that goes with it.
        allowed_hosts: that webhooks may go to, and recordings be fetched from, though not public.
        is_strict: what a provider offers and is not imitated is refused, not ignored.
        is_open_meant: anybody may call from other machines, where no key is asked for.
        is_plain_meant: other machines may call without TLS.
        tls_host: the address of the ports with TLS.
        certificates: what is shown there, and has to be shown by clients.
        allowed_origins: web pages of elsewhere that may call, and read what is answered.
        database: address of a PostgreSQL database, for the tables; None for a file in ``state``.
        where: in which region it serves, and what others there are.
        collector: an address that takes sampled traces by OTLP; None for nowhere.
        audit: folder of the audit log; None for one in ``state``, where that is given.
        usage: folder of usage events; None for one in ``state``, where that is given.
        names: how redaction finds names of people, one of `NAMES`; None for the best there is.
        inference_log: file for how far each stream got, beside what is billed; None for none.
        gateways: processes that serve; each connection is given to one of them.
        engines_at: where engine processes are that somebody else keeps, and the version that they
            decode with; None where there are none.
        given_fd: over which connections come that somebody else accepted.
        engines: processes that decode, each on its share of the cores; 0 for the server's own.
        replies: where spoken answers are written; None for the model of our own.
        tells_ready: print a line of JSON with the addresses and the process's id when ready.
    """

    repository: Path
    model: str = DEFAULT_MODEL
    keys: Keys = field(default_factory=Keys)
    is_ephemeral: bool = False
    grpc_port: int = 0
    grpc_tls_port: int | None = None
    traces: TraceFile | None = None
    state: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    tells_ready: bool = False
    is_strict: bool = False
    tls_port: int | None = None
    is_open_meant: bool = False
    is_plain_meant: bool = False
    tls_host: str = HOST
    certificates: CertificateFiles = field(default_factory=CertificateFiles)
    allowed_origins: tuple[str, ...] = ()
    audit: Path | None = None
    usage: Path | None = None
    where: Where = field(default_factory=Where)
    database: str | None = None
    names: str | None = None
    inference_log: Path | None = None
    collector: str | None = None
    engines: int = 0
    gateways: int = 1
    engines_at: tuple[Path, int] | None = None
    given_fd: int | None = None
    replies: Endpoint | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server's options, for this module's command line and for ``lab serve``."""
    parser.add_argument("--host", default=HOST, help="address to bind (default %(default)s)")
    parser.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        help="default %(default)s; 0 takes any free port",
    )
    parser.add_argument("--grpc-port", type=port_number, default=0, help="default: any free port")
    parser.add_argument(
        "--without-keys",
        action="store_true",
        help="with a --host beyond this machine: let anybody call, though no key was set or made",
    )
    parser.add_argument(
        "--without-tls",
        action="store_true",
        help="with a --host beyond this machine: let others call without TLS, by whatever is"
        " between them and this server; else that address is for the ports with TLS alone",
    )
    parser.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="the certificate for the ports with TLS, with all up to the authority's, PEM; it is"
        " read again when it changes (default: one of our own authority)",
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--client-authority",
        metavar="FILE",
        help="have each client of the ports with TLS show a certificate of this authority, PEM;"
        " own for ours (see lab ca)",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help=f"a PostgreSQL database in place of the file in --state; its address holds a password,"
        f" so that {DATABASE_VARIABLE} is the better place",
    )
    parser.add_argument(
        "--region",
        metavar="NAME:AREA",
        help="where this server is, such as eu-west:eu: tenants with a home region are served by"
        " rules of residency and consent",
    )
    parser.add_argument(
        "--other-region",
        action="append",
        default=[],
        metavar="NAME:AREA",
        help="another region that those rules may speak of; as often as you like",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page of elsewhere, such as https://example.com, that may call from a browser"
        " and read what is answered; as often as you like (default: none)",
    )
    parser.add_argument(
        "--grpc-tls-port",
        type=port_number,
        help="speak gRPC with TLS, too, by a certificate of our own authority (see lab ca)",
    )
    parser.add_argument(
        "--tls-port",
        type=port_number,
        help="speak HTTP and WebSockets with TLS, too, by a certificate of our own authority",
    )
    parser.add_argument("--key", help="accept only this key (default: any, or LAB_SERVER_KEY)")
    parser.add_argument(
        "--operator-key",
        help="the key that moves versions (default: nobody may, or LAB_OPERATOR_KEY)",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"{' or '.join(SERVED)} (default %(default)s)"
    )
    parser.add_argument(
        "--gateways",
        type=_gateways,
        default=1,
        metavar="NUMBER",
        help="serve by so many processes behind one address; they keep nothing, and share the"
        " engines of --engines, or have one each (default %(default)s)",
    )
    parser.add_argument("--engines-at", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--engines-version", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--given-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--engines",
        type=_engines,
        default=0,
        metavar="NUMBER",
        help="decode in so many processes of their own, each with its share of the cores; one more"
        " stands by, and streams outlive any of them (default: in the server's own process)",
    )
    parser.add_argument(
        "--names",
        choices=NAMES,
        help="how redaction finds names of people: by rules and lists alone, or by a model beside"
        " them, which is of the extra pii (default: by the model where it is installed)",
    )
    parser.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help=f"for the model {SCRIPTED}: a line for each utterance, then again from the first",
    )
    parser.add_argument(
        "--repository",
        type=Path,
        help="folder of versions (default: among the user's data, or LAB_REPOSITORY)",
    )
    parser.add_argument(
        "--trace-file",
        type=Path,
        help=f"JSON lines of sampled traces (default: among the user's data, or {FILE_VARIABLE})",
    )
    parser.add_argument(
        "--otlp",
        metavar="URL",
        help="a collector that sampled traces are sent to, too, by OTLP over HTTP, such as"
        " http://127.0.0.1:4318 (default: none)",
    )
    parser.add_argument(
        "--trace-share",
        type=float,
        help=f"of streams and requests (default {DEFAULT_SHARE}, or {SHARE_VARIABLE})",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="where operations are kept, WITH their sound and text until they expire or are"
        " deleted (default: a folder of its own, gone when the server stops)",
    )
    parser.add_argument(
        "--audit",
        type=Path,
        metavar="FOLDER",
        help="where the audit log is kept (default: audit in the --state folder, if any)",
    )
    parser.add_argument(
        "--usage",
        type=Path,
        metavar="FOLDER",
        help="where usage is written for the ledger (default: usage in the --state folder, if any)",
    )
    parser.add_argument(
        "--inference-log",
        type=Path,
        metavar="FILE",
        help="where a line is added for each final that was sent, to compare with what is billed",
    )
    parser.add_argument(
        "--replies",
        metavar="URL",
        help="a server of OpenAI's chat completions that writes spoken answers, such as"
        f" http://127.0.0.1:8080/v1; its key, if any, in {REPLIES_KEY_VARIABLE} (default: a small"
        " model of our own, which is quick and often wrong)",
    )
    parser.add_argument(
        "--replies-model",
        metavar="NAME",
        default="default",
        help="what is asked for there (default %(default)s)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="a host that webhooks may go to, and recordings be fetched from, though it is"
        " not public, such as 127.0.0.1; as often as you like",
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"set a limit, as often as you like; names: {', '.join(_LIMITS)}",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse by name what a provider offers and is not imitated here",
    )
    parser.add_argument(
        "--ready-json",
        action="store_true",
        help="when ready, print a line of JSON with url, grpc and pid",
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="stop when standard input is closed, or the process that started this one ends",
    )
    parser.add_argument("--ephemeral", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)


MOST_ENGINES = 64
"""Each has a core at least, and a model of its own in memory."""


def _engines(text: str) -> int:
    """How many engine processes."""
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= MOST_ENGINES:
        raise argparse.ArgumentTypeError(f"{text}: 0 to {MOST_ENGINES} processes are expected")
    if number and sys.platform == "win32":
        raise argparse.ArgumentTypeError("engine processes need Unix sockets; leave this out")
    return number


def _gateways(text: str) -> int:
    """How many gateway processes."""
    number = _engines(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0: at least 1 gateway is expected")
    return number


_LIMITS: dict[str, type[int] | type[float]] = {
    field.name: int if isinstance(field.default, int) else float for field in fields(Limits)
}


def _limit(text: str) -> tuple[str, float]:
    """One of the server's limits and its value, from ``idle_s=1``."""
    name, _, value = text.partition("=")
    if name not in _LIMITS:
        known = ", ".join(_LIMITS)
        raise argparse.ArgumentTypeError(f"no limit is named {name!r}; there are {known}")
    kind = _LIMITS[name]
    try:
        number = kind(value)
    except ValueError:
        number = kind(0)
    if not 0 < number < math.inf:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{name}={value}: {what} above 0 is expected")
    return name, number


def keys_of(options: argparse.Namespace) -> Keys:
    """From the options, or the environment, which does not show in the process list.

    A variable that is set and empty counts as not set. An option that is empty was meant to hold a
    key, and its variable was not set: an open server is not what was asked for.
    """
    caller, operator = (
        option if option is not None else os.environ.get(variable) or None
        for option, variable in (
            (options.key, KEY_VARIABLE),
            (options.operator_key, OPERATOR_KEY_VARIABLE),
        )
    )
    return Keys(caller, operator)


def traces_of(options: argparse.Namespace) -> TraceFile:
    """Which traces go where: the option, the environment, or one in a hundred beside the data."""
    beside = default_root(os.environ).parent / "traces.jsonl"
    path = options.trace_file or os.environ.get(FILE_VARIABLE) or beside
    share = options.trace_share
    if share is None:
        wanted = os.environ.get(SHARE_VARIABLE) or DEFAULT_SHARE
        try:
            share = float(wanted)
        except ValueError as error:
            raise InvalidParameter(
                f"{SHARE_VARIABLE}={wanted}", "a share from 0 to 1", "set it to 0.01, say"
            ) from error
    return TraceFile(Path(path), share)


def replies_of(options: argparse.Namespace) -> Endpoint | None:
    """Where spoken answers are written, if that is named.

    Raises:
        InvalidParameter: the address is none.
    """
    if options.replies is None:
        return None
    if not options.replies.startswith(("http://", "https://")):
        raise InvalidParameter(
            f"--replies {options.replies}", "an address that begins with http", "write it so"
        )
    key = os.environ.get(REPLIES_KEY_VARIABLE) or None
    return Endpoint(options.replies, options.replies_model, key)


def database_of(options: argparse.Namespace) -> str | None:
    """The address of a PostgreSQL database, from the option or the environment; None for none.

    Raises:
        InvalidParameter: it is another kind of address, or there is no folder for recordings.
    """
    url = options.database or os.environ.get(DATABASE_VARIABLE) or None
    if url is None:
        return None
    if not url.startswith(("postgresql://", "postgres://")):
        raise InvalidParameter(
            "the address of a database that is not PostgreSQL's",
            "postgresql://USER:PASSWORD@HOST/NAME",
            "write it so",
        )
    if options.state is None:
        raise InvalidParameter(
            "a database without a folder", "both: recordings are files", "name it by --state"
        )
    return str(url)
