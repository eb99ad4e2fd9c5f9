"""Benchmarks run on demand only; what they import of the package must be there all the same."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = sorted(path for path in Path(__file__).parent.rglob("*.py") if path != Path(__file__))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(script: Path) -> None:
    imports = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(script.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lab_kit")
        for alias in node.names
    ]
    assert [f"{module}: {name}" for module, name in imports if not is_there(module, name)] == []


def is_there(module: str | None, name: str) -> bool:
    """Whether ``from module import name`` works."""
    assert module is not None
    if hasattr(import_module(module), name):
        return True
    try:
        import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True
