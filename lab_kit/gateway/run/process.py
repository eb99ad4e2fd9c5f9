"""The server as a process: loads what is labelled, serves, drains, and outlives no parent.

Run as ``lab serve`` or ``python -m lab_kit.gateway.run.process``. A parent that starts it for
itself passes ``--with-parent``; `lab_kit.core.child_process` says how each learns of the other's
end.
"""

import argparse
import gc
import logging
import os
import resource
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import mkdtemp

from pydantic import BaseModel

from lab_kit.core.child_process import HOST, bind, stop_with_parent
from lab_kit.core.errors import (
    InvalidParameter,
    LabError,
    NotInstalled,
    ServerFailed,
    StateUnusable,
)
from lab_kit.core.memory import return_last_blocks
from lab_kit.engine.opening import check_served
from lab_kit.engine.scripted import SCRIPTED, check_lines
from lab_kit.gateway.door.identify import name_calls_in_log
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.residency import Where
from lab_kit.gateway.observe.background_failures import FewFromLibraries
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.certificates import CertificateFiles
from lab_kit.gateway.run.gateways import check_alone, serve_several
from lab_kit.gateway.run.given import given_by
from lab_kit.gateway.run.names import how_found, persons_of
from lab_kit.gateway.run.options import (
    ServerConfig,
    add_arguments,
    database_of,
    keys_of,
    replies_of,
    traces_of,
)
from lab_kit.gateway.versions.engine_factory import (
    make_first_version,
    open_apart,
    open_recognizer,
    open_shared,
    publish_first,
    publish_script,
)
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.repository import Repository, default_root

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
_SWITCH_S = 0.0005
"""After which a thread that computes in Python has to let another. Python's own 5 ms are waited for
at each of a decode's dozen steps while the event loop is busy: a flood of small chunks made finals
200 ms later, and with this 60."""


def serve(
    listener: socket.socket, config: ServerConfig, with_parent: bool, limits: Limits | None = None
) -> None:
    """Serve on ``listener`` until a signal or the parent's end; returns when all is released."""
    return_last_blocks()
    sys.setswitchinterval(_SWITCH_S)
    metrics = Metrics()
    repository = Repository(config.repository)
    opened = open_recognizer
    if config.engines_at is not None:
        folder, number = config.engines_at
        opened = partial(open_shared, folder, config.engines, number)
    elif config.engines and config.model != SCRIPTED:  # a script is not worth a process
        opened = partial(
            open_apart, config.repository, config.engines, metrics.engine_process_ended
        )
    versions = Versions(repository, config.model, opened, metrics)
    versions.begin(lambda: publish_first(repository, config.model))
    try:
        _listen(listener, config, with_parent, limits or Limits(), versions, metrics)
    finally:
        versions.stop()
        if config.is_ephemeral:
            shutil.rmtree(config.repository, ignore_errors=True)


def _listen(
    listener: socket.socket,
    config: ServerConfig,
    with_parent: bool,
    limits: Limits,
    versions: Versions,
    metrics: Metrics,
) -> None:
    # what imports make stays, and looking through it on the way takes a tenth of them
    gc.disable()
    # here, because the version is loading meanwhile: each of the two takes most of a second
    _import_fastapi()
    from lab_kit.gateway.observe.tracing import Spans
    from lab_kit.gateway.run.draining_server import DrainingServer, Ports, configuration
    from lab_kit.gateway.run.server import Server
    from lab_kit.gateway.state import subjects
    from lab_kit.gateway.state.folder import StateFolder

    is_local = ip_address(listener.getsockname()[0]).is_loopback
    persons = persons_of(config)
    _tell(how_found(persons))
    server = Server(
        limits,
        versions,
        metrics,
        config.keys,
        Spans(config.traces, metrics.background_failures.note, config.collector),
        StateFolder(config.state),
        config.allowed_hosts,
        config.is_strict,
        audit_folder=config.audit,
        usage_folder=config.usage,
        persons=persons,
        where=config.where,
        database_url=config.database,
        inference_file=config.inference_log,
        replies=config.replies,
    )
    try:
        if config.state is not None:
            server.database.read_now(subjects.check)
            server.api_keys.load()
            server.tenants.load()
            server.sound.load()
            server.token_keys.load()
        if (audit := server.audit.log) is not None:
            audit.open()
            _tell(f"audit log in {audit.folder}; to verify it: {audit.verifier_key}")
        _check_reach(server.keys, config, is_plain_local=is_local)
        ports = Ports(
            config.grpc_port,
            config.grpc_tls_port,
            config.tls_port,
            config.tls_host,
            config.certificates,
        )
        listening = DrainingServer(
            configuration(server, is_local, config.allowed_origins),
            server,
            ports,
            config.tells_ready,
            None if config.given_fd is None else given_by(config.given_fd),
        )
        if with_parent:
            # not as a signal: whoever closes the pipe may send one too, and that is no second
            # request
            stop_with_parent(listening.stop_soon)
        # what is there now stays: to look through it takes the collector a tenth of a second, and
        # nobody is served meanwhile
        gc.freeze()
        gc.enable()
        listening.run(sockets=[listener])
        if listening.failure is not None:
            raise ServerFailed(
                f"no version answers: {listening.failure}", "one that loads", "see the log above"
            )
    finally:
        server.stop()


def _check_reach(keys: Keys, config: ServerConfig, *, is_plain_local: bool) -> None:
    """Make sure that who may call from where is what was meant; say so where anybody may.

    Args:
        is_plain_local: only this machine reaches what is not encrypted.

    Raises:
        InvalidParameter: other machines reach the server, and it asks for no key or speaks no TLS.
    """
    if is_plain_local and ip_address(config.tls_host).is_loopback:
        if keys.is_open:
            _tell("open to whoever is on this machine: no key is set, and none was made")
        return
    if keys.is_open and not config.is_open_meant:
        raise InvalidParameter(
            "an address that other machines reach, and no key",
            "keys: lab keys create, or --key",
            "make one, listen on 127.0.0.1, or say --without-keys if that is meant",
        )
    if not is_plain_local and not config.is_plain_meant:
        raise InvalidParameter(
            "an address that other machines reach, without TLS",
            "--tls-port, --grpc-tls-port, or something with TLS before it in a network of its own",
            "name such a port, listen on 127.0.0.1, or say --without-tls if that is meant",
        )


def _import_fastapi() -> None:
    """Import it without building its models of OpenAPI's documents.

    That takes a third of its import. They are built when the document is, after the server is
    ready.
    """
    BaseModel.model_config["defer_build"] = True
    try:
        import fastapi  # noqa: F401
    finally:
        del BaseModel.model_config["defer_build"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop."""
    parser = argparse.ArgumentParser(prog="lab serve", description="Start the inference server.")
    add_arguments(parser)
    given = sys.argv[1:] if arguments is None else arguments
    return run(parser.parse_args(given), given)


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Serve as the parsed options say.

    Args:
        arguments: that they were parsed from.
    """
    repository = options.repository or default_root(os.environ)
    inherits = options.fd is not None  # the parent bound it, so that no port can be lost
    try:
        check_served(options.model)
        keys, traces = keys_of(options), traces_of(options)
        limits = replace(Limits(), **dict(options.limit))
        files = CertificateFiles(options.tls_certificate, options.tls_key, options.client_authority)
        files.check()
        where = Where.of(options.region, options.other_region)
        database = database_of(options)
        replies = replies_of(options)
        # with a port for TLS, it is that one which is for others, unless they are meant to come
        # without it
        is_encrypted = options.tls_port is not None or options.grpc_tls_port is not None
        host = HOST if is_encrypted and not options.without_tls else options.host
        listener = socket.socket(fileno=options.fd) if inherits else bind(host, options.port)
        script = _script(options)
        if script is not None:
            repository = Path(mkdtemp(prefix="lab-script-"))
            publish_script(Repository(repository), script)
        if not inherits:  # a parent waits a minute for its server, too short for a download
            make_first_version(Repository(repository), options.model, _tell)
    except LabError as error:
        _tell(f"lab serve: {error}")
        return 1
    host, port = listener.getsockname()[:2]
    print(f"listening on http://{host}:{port}", flush=True)
    config = ServerConfig(
        repository,
        options.model,
        keys,
        options.ephemeral or script is not None,
        options.grpc_port,
        options.grpc_tls_port,
        traces,
        options.state,
        tuple(options.allow_host),
        options.ready_json,
        options.strict,
        options.tls_port,
        options.without_keys,
        options.without_tls,
        options.host if is_encrypted else HOST,
        files,
        tuple(options.allow_origin),
        options.audit,
        options.usage,
        where,
        database,
        options.names,
        options.inference_log,
        options.otlp,
        engines=options.engines,
        gateways=options.gateways,
        engines_at=(options.engines_at, options.engines_version) if options.engines_at else None,
        given_fd=options.given_fd,
        replies=replies,
    )
    if config.gateways > 1:
        try:
            check_alone(config)
        except InvalidParameter as error:
            _tell(f"lab serve: {error}")
            return 1
    begin_logging()
    # its memory holds what people say: none of it is written down when the process fails
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if config.gateways > 1:
            return serve_several(
                listener, config, arguments, limits, with_parent=options.with_parent
            )
        serve(listener, config, options.with_parent, limits)
    except (ServerFailed, StateUnusable, InvalidParameter, NotInstalled) as error:
        _tell(f"lab serve: {error}")
        return 1
    return 0


def _script(options: argparse.Namespace) -> list[str] | None:
    """The lines that are to be said, if any are given.

    Raises:
        InvalidParameter: they cannot be read, or another model is served.
    """
    if options.script is None:
        return None
    if options.model != SCRIPTED:
        raise InvalidParameter(
            f"--script and the model {options.model}",
            f"--model {SCRIPTED}",
            "choose that model, or leave --script out",
        )
    try:
        lines = options.script.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParameter(
            f"--script {options.script} ({error})", "a text file in UTF-8", "name one"
        ) from error
    lines = [line for line in lines if line.strip()]
    check_lines(lines)
    return lines


def _tell(news: str) -> None:
    print(news, file=sys.stderr, flush=True)


def begin_logging() -> None:
    """Have each line name its call, and a library's pages shortened to lines."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    for handler in logging.getLogger().handlers:
        name_calls_in_log(handler)
        handler.addFilter(FewFromLibraries())
    logging.getLogger("aioice").setLevel(logging.WARNING)  # it tells of every packet it tries
    # a damaged form is its caller's business, who is told
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
