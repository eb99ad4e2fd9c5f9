"""``python -m lab_kit.cli`` is ``lab``."""

import sys

from lab_kit.cli import main

sys.exit(main())
