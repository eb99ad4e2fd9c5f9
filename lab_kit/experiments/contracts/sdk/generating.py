"""A Python client made from an OpenAPI document by a generator that many use.

The generator is openapi-python-client: MIT, in Python, no network. What it writes is a package of
httpx and attrs; it lasts as long as the block in which it is used. Version 0.29 forgets an import
where a body has several forms, so that the module cannot be imported: such lines are added, and
counted.
"""

import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_kit.core.errors import InvalidContract

PACKAGE = "speech_client"
"""By which the generated code is imported."""

_USED, _IMPORTED = "| Unset = UNSET", "import UNSET, Unset"
_MISSING = f"from {PACKAGE}.types import Unset"


@dataclass(frozen=True, slots=True)
class Generated:
    """What the generator made.

    Attributes:
        files, lines: of Python.
        seconds: that it took.
        left_out: what it could not express, in its own words; a sentence each.
        mended: files that could not be imported as they were.
    """

    files: int
    lines: int
    seconds: float
    left_out: tuple[str, ...]
    mended: int


@contextmanager
def generated_client(openapi: Mapping[str, Any]) -> Iterator[Generated]:
    """While the block runs, `PACKAGE` can be imported.

    Args:
        openapi: the document, as served.

    Raises:
        InvalidContract: the generator makes nothing of it.
    """
    with tempfile.TemporaryDirectory(prefix="lab-sdk-") as folder:
        made = _generate(openapi, Path(folder))
        sys.path.insert(0, folder)
        try:
            yield made
        finally:
            sys.path.remove(folder)
            for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE]:
                del sys.modules[name]


def _generate(openapi: Mapping[str, Any], folder: Path) -> Generated:
    # imported here: only this lab needs it, and it takes half a second
    from openapi_python_client import generate
    from openapi_python_client.config import Config, ConfigFile, MetaType
    from openapi_python_client.parser.errors import ErrorLevel

    document = folder / "openapi.json"
    document.write_text(json.dumps(openapi), "utf-8")
    config = Config.from_sources(
        ConfigFile(post_hooks=[]),  # its hooks only change how the code looks
        MetaType.NONE,
        document,
        "utf-8",
        overwrite=True,
        output_path=folder / PACKAGE,
    )
    began_ns = time.perf_counter_ns()
    with redirect_stdout(io.StringIO()):  # where it writes to is nothing to a reader
        told = generate(config=config)
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    if any(one.level is ErrorLevel.ERROR for one in told):
        failed = next(one for one in told if one.level is ErrorLevel.ERROR)
        raise InvalidContract(
            f"{failed.header} {failed.detail or ''}"[:300], "an OpenAPI document", "see its words"
        )
    paths = sorted((folder / PACKAGE).rglob("*.py"))
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in paths)
    left_out = tuple(f"{one.header}: {one.detail}" for one in told)
    return Generated(len(paths), lines, seconds, left_out, sum(map(_mended, paths)))


def _mended(path: Path) -> bool:
    code = path.read_text("utf-8")
    if _USED not in code or _IMPORTED in code:
        return False
    path.write_text(f"{_MISSING}\n{code}", "utf-8")
    return True
