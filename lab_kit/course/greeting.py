"""What a notebook says first: which lab this is, and which machine it runs on."""

from lab_kit.core.profile import Profile, profile
from lab_kit.course.catalog import find_lab
from lab_kit.course.interrupts import tell_interrupts_in_one_line
from lab_kit.models.device import choose_device

_ON_GPU = "Inference runs on the GPU; audio, network and postprocessing stay on the CPU."
_ON_CPU = "No GPU is used: the model shares the processor's cores with everything else that runs."


def opening(lab: str) -> None:
    """Print the lab's number, title and minutes, the machine found, and what that changes.

    From then on a cell that is interrupted says so in one line.

    Raises:
        InvalidParameter: there is no such lab, or ``LAB_PROFILE`` holds an unknown word.
    """
    entry = find_lab(lab)
    tell_interrupts_in_one_line()
    device = choose_device()
    print(f"Lab {entry.number}: {entry.title} ({entry.minutes} minutes)")
    print(f"Machine: {device.label}")
    print(_ON_GPU if device.kind == "cuda" else _ON_CPU)
    if profile() is Profile.CI:
        print("Runs are shortened here: fewer rates, starts and clips than the code names.")
