"""The repository of versions: what a server can serve, on disk, by model and number.

    ROOT/moonshine-tiny-en/1/version.json     settings, and SHA-256 and size of each file
                             encoder_model.ort, ...
                           2/...
                           labels.json        which version carries which label

A version is weights and decoding settings together, since both change answers. It appears by one
rename, complete, and is never changed afterwards; its number is never given again, even if its
folder is removed. A file that is linked rather than copied costs no space, and is replaced, not
rewritten, by whoever repairs the store. No server is known here.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.errors import ModelStoreError, VersionNotFound
from lab_kit.models.store.catalog import Member
from lab_kit.models.store.files import check_file, file_sha256, sync_folder
from lab_kit.models.store.version import Labels, Settings, Version, VersionFiles

VARIABLE = "LAB_REPOSITORY"
_ABOUT = "version.json"
_LABELS = "labels.json"
_BUILD_PREFIX = ".publish-"
_CLAIM_PREFIX = ".number-"
_OTHER_VERSION = "publish it again under a new number; until then serve another version"


class Repository:
    """The versions of all models below one folder.

    Args:
        root: the folder; it is made when the first version is published.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, model: str, files: Mapping[str, Path], settings: Settings) -> Version:
        """Make a new version of ``model``, under the next number, of copies of ``files``.

        Args:
            files: path of each by the name that the runtime asks for.

        Raises:
            ModelStoreError: a file cannot be read, or the repository not be written.
        """
        folder = self.root / model
        try:
            folder.mkdir(parents=True, exist_ok=True)
            build = Path(tempfile.mkdtemp(prefix=_BUILD_PREFIX, dir=folder))
            try:
                members = tuple(_taken(name, path, build) for name, path in files.items())
                number = self._claim(model)
                version = Version(model, number, settings, wall_clock_iso(), members)
                _write_json(build / _ABOUT, _as_json(version))
                sync_folder(build)
                build.chmod(0o755)  # a temporary folder is its owner's alone
                build.rename(folder / str(number))
                sync_folder(folder)
            finally:
                shutil.rmtree(build, ignore_errors=True)
        except OSError as error:
            raise _unwritable(error, folder) from error
        return version

    def numbers(self, model: str) -> list[int]:
        """The versions of ``model``, in order; empty for a model that has none."""
        folder = self.root / model
        if not folder.is_dir():
            return []
        return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal() and p.is_dir())

    def read(self, model: str, number: int) -> Version:
        """What ``version.json`` says of a version; its files are not looked at.

        Raises:
            VersionNotFound: there is no such version.
            ModelStoreError: its description cannot be understood.
        """
        path = self.folder(model, number) / _ABOUT
        try:
            version = _from_json(json.loads(path.read_text("utf-8")))
            if (version.model, version.number) != (model, number):
                raise ValueError(f"it describes version {version.number} of {version.model}")
            return version
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelStoreError(
                f"{path} cannot be read ({type(error).__name__}: {error})",
                "the description that was published",
                _OTHER_VERSION,
            ) from error

    def open(self, model: str, number: int) -> VersionFiles:
        """A version's files, each compared with its hash.

        Raises:
            VersionNotFound: there is no such version.
            ModelStoreError: a file is missing or differs; says which, what was found and expected.
        """
        version = self.read(model, number)
        folder = self.folder(model, number)
        paths = {member.name: folder / member.name for member in version.files}
        for member in version.files:
            if not paths[member.name].is_file():
                raise ModelStoreError(
                    f"no {member.name} in {folder}", "every file of the version", _OTHER_VERSION
                )
            check_file(member, paths[member.name], _OTHER_VERSION)
        return VersionFiles(version, paths)

    def folder(self, model: str, number: int) -> Path:
        """Where a version lies.

        Raises:
            VersionNotFound: there is no such version.
        """
        if number not in (numbers := self.numbers(model)):
            raise VersionNotFound(
                f"version {number} of {model}",
                f"one of {', '.join(map(str, numbers)) or 'none yet'}",
                "publish it first, or name one that is there",
            )
        return self.root / model / str(number)

    def labels(self, model: str) -> Labels:
        """The labels that were kept last; without any, none is set.

        Raises:
            ModelStoreError: they cannot be understood.
        """
        path = self.root / model / _LABELS
        try:
            return Labels(**json.loads(path.read_text("utf-8"))) if path.exists() else Labels()
        except (OSError, ValueError, TypeError) as error:
            raise ModelStoreError(
                f"{path} cannot be read ({error})",
                "labels by name",
                "mend the JSON, or delete the file and label anew",
            ) from error

    def keep_labels(self, model: str, labels: Labels) -> None:
        """Write the labels down, so that a server that starts again serves what it served.

        Raises:
            ModelStoreError: the repository cannot be written.
        """
        folder = self.root / model
        try:
            _write_json(folder / f".{_LABELS}", asdict(labels))
            os.replace(folder / f".{_LABELS}", folder / _LABELS)
        except OSError as error:
            raise _unwritable(error, folder) from error

    def _claim(self, model: str) -> int:
        """The next number; a file that stays behind keeps everyone else from taking it, ever."""
        folder = self.root / model
        claimed = [
            int(p.name.removeprefix(_CLAIM_PREFIX)) for p in folder.glob(f"{_CLAIM_PREFIX}*")
        ]
        number = max([0, *claimed, *self.numbers(model)]) + 1
        while True:
            try:
                (folder / f"{_CLAIM_PREFIX}{number}").touch(exist_ok=False)
                return number
            except FileExistsError:  # another process was quicker
                number += 1


def default_root(environ: Mapping[str, str]) -> Path:
    """``LAB_REPOSITORY`` if set, else ``repository`` in the platform's folder for user data."""
    if folder := environ.get(VARIABLE):
        return Path(folder).expanduser()
    return user_data_path("lab_kit") / "repository"


def _taken(name: str, source: Path, folder: Path) -> Member:
    """Link or copy one file into ``folder``, and describe what arrived."""
    target = folder / name
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(source, target)
    return Member(name, file_sha256(target), target.stat().st_size)


def _as_json(version: Version) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": version.number,
        "settings": version.settings.chosen(),
        "published": version.published,
        "files": {m.name: {"sha256": m.sha256, "size_bytes": m.size_bytes} for m in version.files},
    }


def _from_json(about: dict[str, Any]) -> Version:
    return Version(
        model=about["model"],
        number=about["version"],
        settings=Settings.of(about["settings"]),
        published=about["published"],
        files=tuple(
            Member(name, file["sha256"], file["size_bytes"])
            for name, file in about["files"].items()
        ),
    )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _unwritable(error: OSError, folder: Path) -> ModelStoreError:
    return ModelStoreError(
        f"{error.filename or folder}: {error.strerror}",
        "to read the files and write the repository",
        f"check permissions and space, or name another folder with --repository or {VARIABLE}",
    )
