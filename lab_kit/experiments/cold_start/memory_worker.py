"""One worker on Whisper's weights, as a process.

    python -m lab_kit.experiments.cold_start.memory_worker HOW FILE

``write`` puts the weights into FILE and ends. ``copy`` and ``map`` load them from there, infer
once, print how long loading took, and print their memory when a line comes in.
"""

import json
import sys
import time

import numpy as np
import psutil
import torch
from transformers import WhisperConfig, WhisperModel

from lab_kit.experiments.cold_start.recipes import WHISPER
from lab_kit.models.store.store import ModelStore
from lab_kit.models.whisper.weights import load_whisper


def main() -> None:
    """Do what the first argument says with the file that the second names."""
    how, file = sys.argv[1:]
    if how == "write":
        write(file)
    else:
        serve(file, is_mapped=how == "map")


def write(file: str) -> None:
    """Put configuration and weights, in float32, into ``file``."""
    weights = ModelStore().path(WHISPER)["model.bin"]
    network = load_whisper(weights, torch.float32, torch.device("cpu"))
    torch.save({"config": network.config.to_dict(), "weights": network.state_dict()}, file)


def serve(file: str, is_mapped: bool) -> None:
    """Load, infer once, tell; tell memory for a line."""
    torch.set_num_threads(1)
    began_ns = time.perf_counter_ns()
    content = torch.load(file, mmap=is_mapped, weights_only=True)
    with torch.device("meta"):
        network = WhisperModel(WhisperConfig.from_dict(content["config"]))
    # assigned, not copied: the parameters are the file's pages where it is mapped
    network.load_state_dict(content["weights"], assign=True)
    load_s = (time.perf_counter_ns() - began_ns) / 1e9
    weights_bytes = sum(weight.nbytes for weight in content["weights"].values())
    with torch.inference_mode():
        network.encoder(torch.from_numpy(np.zeros((1, 80, 3000), np.float32)))
    print(json.dumps({"load_s": load_s, "weights_bytes": weights_bytes}), flush=True)
    sys.stdin.readline()
    memory = psutil.Process().memory_full_info()
    print(json.dumps({"proportional_bytes": memory.pss}), flush=True)


if __name__ == "__main__":
    main()
