"""Logs whose trees are drawn: the smallest, the largest, and those that do not fill a level."""

from made_log import usual_log

from lab_kit.experiments.proof import Path, path_of

PATHS: dict[str, Path] = {
    "one record": path_of(usual_log(1).lines, 0),
    "two": path_of(usual_log(2).lines, 1),
    "thirteen": path_of(usual_log(13).lines, 5),
    "the last alone": path_of(usual_log(9).lines, 8),
    "sixteen": path_of(usual_log(16).lines, 15),
}
