"""The course around the labs: what there is, who needs it, exercises with checks, progress.

It knows the labs' numbers and names and what an answer must show; it does not know servers.
"""

from lab_kit.course.checking import check, hint
from lab_kit.course.greeting import opening
from lab_kit.course.guesses import guess
from lab_kit.course.paths import path
from lab_kit.course.progress import report as progress_report
from lab_kit.course.recorded import traces

__all__ = ["check", "guess", "hint", "opening", "path", "progress_report", "traces"]
