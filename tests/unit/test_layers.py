"""The design's levels, read from every import: what a module may know of.

Imports go downward only; modules of one level do not know each other, except on level 0. Some
libraries belong to certain rooms, wherever the import stands.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEVELS = (
    ("units", "clock", "errors", "events", "trace", "spans", "profile"),
    ("audio", "contract", "slo", "access", "governance", "metering"),
    ("models", "scale", "wires", "dialects"),
    ("engine", "datasets"),
    ("stream", "client", "child", "runtimes"),
    ("gateway", "load", "peers", "coldstart", "soundcheck"),
    ("bench", "doctor"),
    ("show", "course"),
    ("cli",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

LOW = {room for rooms in LEVELS[:2] for room in rooms}
RUNTIMES = {"torch", "onnxruntime", "ctranslate2", "transformers", "whisper", "hibari"}
DRAWING = {"IPython", "plotly", "ipywidgets", "anywidget", "matplotlib"}
FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "websockets", "httpx", "aiohttp", "grpc"}

FORBIDDEN_IN_LOW = {"asyncio", *FRAMEWORKS, *RUNTIMES, *DRAWING}
MAY_RUN_MODELS = (
    "models/",
    "runtimes/",
    "engine/runner.py",
    "experiments/cold_start/memory_worker.py",
    "doctor.py",
)
MAY_DRAW = ("show/", "course/")
FORBIDDEN_PAIRS = {
    "client": {"gateway", "stream", "engine"},
    "load": {"gateway", "stream", "engine"},
    "engine": {"contract", "wires", "dialects", "metering"},
}


@dataclass(frozen=True)
class Import:
    """One import of one module: ``target`` is its dotted name."""

    file: str
    line: int
    target: str

    @property
    def where(self) -> str:
        return f"lab_kit/{self.file}:{self.line}: imports {self.target}"

    @property
    def room(self) -> str:
        return self.file.split("/")[0].removesuffix(".py")

    @property
    def library(self) -> str:
        return self.target.split(".")[0]

    @property
    def target_room(self) -> str | None:
        """The room of ours that is imported; None for another library or the package itself."""
        parts = self.target.split(".")
        return parts[1] if parts[0] == "lab_kit" and len(parts) > 1 else None


def imports_of(source: str, file: str) -> Iterator[Import]:
    """Every import of a module, wherever it stands, `import_module("...")` included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file)
            # `from lab_kit import client` names a room, `from lab_kit.core.call_record import Sent` does not
            names = [f"{base}.{a.name}" for a in node.names] if base == "lab_kit" else [base]
            for name in names:
                yield Import(file, node.lineno, name)
        elif _is_import_module(node):
            yield Import(file, node.lineno, node.args[0].value)  # type: ignore[attr-defined]


def broken_rules(imports: list[Import]) -> list[str]:
    """What is forbidden, each with file, line and the rule."""
    return [f"{found.where}: {why}" for found in imports if (why := _why_not(found))]


def all_imports() -> list[Import]:
    package = ROOT / "lab_kit"
    return [
        found
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"  # its lazy names are everybody's
        for found in imports_of(path.read_text("utf-8"), path.relative_to(package).as_posix())
    ]


def test_every_module_has_a_level() -> None:
    package = ROOT / "lab_kit"
    rooms = {
        path.name.removesuffix(".py")
        for path in package.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    } - {"__init__"}
    assert rooms <= set(LEVEL), "a new module: give it a level here and in the README"


def test_imports_go_downward_and_libraries_stay_in_their_rooms() -> None:
    assert broken_rules(all_imports()) == []


def test_lab_kit_imports_no_solution() -> None:
    assert [found.where for found in all_imports() if "solutions" in found.target] == []


def test_an_import_of_the_package_does_no_work() -> None:
    """`lab_kit/__init__.py` imports nothing but the standard library when it is run."""
    tree = ast.parse((ROOT / "lab_kit" / "__init__.py").read_text("utf-8"))
    direct = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import)]
    named = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert direct == []
    assert set(named) <= {"importlib", "typing"}


def test_only_the_clock_and_the_edges_read_time() -> None:
    """Levels 0 to 3 take a time or a clock; ``clock``, the engine's loop and wires read one."""
    allowed = {
        "clock.py",
        "engine/loop.py",
        "spans.py",  # reads no clock: it parses the times that stand in a file
    }
    readers = [
        found.where
        for found in all_imports()
        if found.target in ("time", "datetime")
        and LEVEL[found.room] <= 3
        and found.file not in allowed
        and found.room != "wires"
    ]
    assert readers == []


def test_sounddevice_is_imported_when_a_microphone_is_asked_for() -> None:
    users = {found.file for found in all_imports() if found.library == "sounddevice"}
    assert users == {"audio/sources/microphone.py"}
    tree = ast.parse((ROOT / "lab_kit/audio/sources/microphone.py").read_text("utf-8"))
    at_import = [node for node in tree.body if "sounddevice" in ast.unparse(node).split("def ")[0]]
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in at_import)


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("audio/x.py", "from lab_kit.engine import loop", "downward"),
        ("audio/x.py", "def f():\n    import asyncio", "level"),
        ("audio/x.py", "from lab_kit.measure.calls import rtf", "same level"),
        ("wires/x.py", "import lab_kit.dialects.deepgram", "same level"),
        ("slo/x.py", "from plotly import graph_objects", "level"),
        ("bench.py", "import plotly.graph_objects as go", "drawing"),
        ("stream/x.py", "import onnxruntime", "runtime"),
        ("stream/x.py", 'from importlib import import_module\nimport_module("torch")', "runtime"),
        ("client/x.py", "from lab_kit import gateway", "downward"),
        ("client/x.py", "from lab_kit.engine import api", "knows"),
        ("show/x.py", "from lab_kit.course import check", "same level"),
        ("trace.py", "from .audio import pcm", "downward"),
        ("show/x.py", "from lab_kit import Bench", "no level"),
        ("dialects/a.py", "from . import b", "a dialect"),
        ("dialects/a.py", "from lab_kit.dialects.b import x", "a dialect"),
        ("dialects/a/part.py", "from lab_kit.dialects.b.part import x", "a dialect"),
    ],
)
def test_each_rule_finds_its_breach(file: str, source: str, rule: str) -> None:
    broken = broken_rules(list(imports_of(source, file)))
    assert len(broken) == 1
    assert rule in broken[0]
    assert broken[0].startswith(f"lab_kit/{file}:")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("trace.py", "from lab_kit.core.events import Event"),
        ("engine/runner.py", "import torch"),
        ("models/x.py", "import onnxruntime"),
        ("course/x.py", "from IPython.display import display"),
        ("gateway/x.py", "import asyncio, fastapi"),
        ("audio/x.py", "from lab_kit.audio.pcm import to_pcm16"),
        ("dialects/a/part.py", "from lab_kit.dialects.a.other import x"),
    ],
)
def test_what_is_allowed_passes(file: str, source: str) -> None:
    assert broken_rules(list(imports_of(source, file))) == []


def _why_not(found: Import) -> str | None:
    return _library_rule(found) if found.target_room is None else _level_rule(found)


def _level_rule(found: Import) -> str | None:
    room, target = found.room, found.target_room
    assert target is not None
    if target == room:
        return _sibling_rule(found)
    if target not in LEVEL:
        return f"{target} has no level; import from the module that defines it"
    if target in FORBIDDEN_PAIRS.get(room, ()) and LEVEL[target] <= LEVEL[room]:
        return f"{room} never knows {target}"
    if LEVEL[target] > LEVEL[room]:
        return f"imports go downward: level {LEVEL[room]} may not import level {LEVEL[target]}"
    if LEVEL[target] == LEVEL[room] > 0:
        return f"{room} and {target} are on the same level"
    return None


def _sibling_rule(found: Import) -> str | None:
    """A dialect does not know another dialect, nor a wire another wire; each may be a folder."""
    if found.room not in ("dialects", "wires") or found.file.endswith("__init__.py"):
        return None
    sibling = found.target.split(".")[2:]
    own = found.file.split("/")[1].removesuffix(".py")
    if sibling and sibling[0] == own:
        return None
    return f"a {found.room[:-1]} does not import a {found.room[:-1]}"


def _library_rule(found: Import) -> str | None:
    library, file = found.library, found.file
    if found.room in LOW and library in FORBIDDEN_IN_LOW:
        return f"not on level {LEVEL[found.room]}: {library}"
    if library in RUNTIMES and not file.startswith(MAY_RUN_MODELS):
        return f"a model runtime belongs to {' and '.join(MAY_RUN_MODELS)}"
    if library in DRAWING and not file.startswith(MAY_DRAW):
        return f"drawing belongs to {' and '.join(MAY_DRAW)}"
    return None


def _absolute(node: ast.ImportFrom, file: str) -> str:
    if not node.level:
        return node.module or ""
    parts = ["lab_kit", *Path(file).parent.parts]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _is_import_module(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("import_module")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )
