"""Lab 02's answers.

02.1: find the criterion first, and few frameworks are left. A is a large decoder whose cache is
the limit; B has one person; C has a few milliseconds and several formats; D has steps that scale
apart. Others fit as well: SGLang for A; BentoML or a plain handler for B; KServe for C; KServe or
BentoML for D.

02.2: three facts decide, and all of them are about production. A failed canary is a reason for an
alert, never for an unready pod: the same canary fails on every pod at once.
"""

from lab_kit.course.exercises.lab02 import Health

CHOICES = {
    "A": ("vLLM", "model type"),
    "B": ("LitServe", "operational burden"),
    "C": ("Triton", "latency"),
    "D": ("Ray Serve", "scaling model"),
}


def ready(health: Health) -> bool:
    """Whether new work may be sent to a server."""
    return health.weights_loaded and health.warmed_up and not health.draining
