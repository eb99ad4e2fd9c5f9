"""Which processor each operator of a graph really ran on.

A GPU session may hand operators it has no kernel for to the CPU, one by one and without a word;
int8 graphs are full of such operators. A profile of one inference tells.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnxruntime

from lab_kit.models.device import CPU, Device, open_session


def share_on_cpu(
    graph: Path, device: Device, infer: Callable[[onnxruntime.InferenceSession], object]
) -> float:
    """Share of executed operators that ran on the CPU, in [0, 1].

    Args:
        infer: runs one inference on the session it is given.

    Raises:
        ValueError: nothing was executed.
    """
    with tempfile.TemporaryDirectory(prefix="lab-placement-") as folder:
        session = open_session(graph, device, profile_prefix=f"{folder}/run")
        infer(session)
        ran = executed(Path(session.end_profiling()))
    if not ran:
        raise ValueError(f"no operator of {graph.name} was executed")
    on_cpu = sum(times for (_, provider), times in ran.items() if provider == CPU)
    return on_cpu / ran.total()


def executed(profile: Path) -> Counter[tuple[str, str]]:
    """How often each kind of operator was executed by each provider, as a profile tells it."""
    return Counter(
        (event["args"]["op_name"], event["args"]["provider"])
        for event in json.loads(profile.read_text())
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    )
