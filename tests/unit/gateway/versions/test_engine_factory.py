"""What a server imports before it knows which model it serves."""

import subprocess
import sys


def test_a_server_of_the_default_model_starts_without_what_it_does_not_need_yet() -> None:
    """PyTorch's import alone takes longer than everything else until the first answer."""
    code = (
        "import sys, lab_kit.gateway.run.process, lab_kit.bench, lab_kit.gateway.run.server\n"
        "print([name for name in ('torch', 'transformers', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
