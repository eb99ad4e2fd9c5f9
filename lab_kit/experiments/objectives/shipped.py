"""The objectives of `lab serve`, from the file that comes with the package."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from lab_kit.slo.objective import Objective
from lab_kit.slo.openslo import read_openslo


def objectives_text() -> str:
    """The file: OpenSLO documents in YAML."""
    return files("lab_kit.slo").joinpath("lab_speech.yaml").read_text("utf-8")


@cache
def objectives() -> Mapping[str, Objective]:
    """Each by its name, such as ``final-delay``."""
    return MappingProxyType({one.name: one for one in read_openslo(objectives_text())})
