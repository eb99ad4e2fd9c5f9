"""Build every clip of the manifest into the cache, one line each.

    python datasets/build.py            build what is missing, check the rest
    python datasets/build.py --align    measure all times anew and rewrite manifest.json (dev extra)

Clips of a Debian package that is not installed are named and left out.
"""

import argparse
import json
import sys
from pathlib import Path

from lab_kit.core.errors import LabError
from lab_kit.datasets import builder
from lab_kit.datasets.clips import Clip
from lab_kit.datasets.manifest import ClipSpec, manifest_path, read_manifest
from lab_kit.models.store.store import ModelStore

RECORDING = "librivox-two-cities"


def main() -> int:
    """Run the command; 0 if every clip whose source is here was built."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--align", action="store_true", help="measure times, rewrite the manifest")
    wants_alignment = parser.parse_args().align
    try:
        ModelStore().pull(RECORDING, print if wants_alignment else None)
        if wants_alignment:
            rewrite_manifest(manifest_path())
        return build_all(manifest_path())
    except LabError as error:
        print(error, file=sys.stderr)
        return 1


def build_all(path: Path) -> int:
    """Build each clip and say what became of it; 1 if any failed."""
    failed = 0
    for spec in read_manifest(path).values():
        if not builder.is_available(spec):
            print(f"{spec.id:30} left out: needs {spec.source}")
            continue
        try:
            print(_line(builder.load_clip(spec, builder.cache_folder()), spec))
        except LabError as error:
            failed = 1
            print(f"{spec.id:30} FAILED: {error}", file=sys.stderr)
    return failed


def rewrite_manifest(path: Path) -> None:
    """Measure every clip of recipes.json and write the manifest."""
    from measure import measure_all  # needs PocketSphinx, which only this path asks for

    recipes = json.loads((Path(__file__).parent / "recipes.json").read_text(encoding="utf-8"))
    entries = ",\n".join(_compact(entry) for entry in measure_all(recipes))
    path.write_text(f'{{\n"format": 1,\n"clips": [\n{entries}\n]\n}}\n', encoding="utf-8")


def _compact(entry: dict[str, object]) -> str:
    """One line a field: a diff then shows which clip and which field moved."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
             for key, value in entry.items()]  # fmt: skip
    return "{\n" + ",\n".join(lines) + "\n}"


def _line(clip: Clip, spec: ClipSpec) -> str:
    is_exact = builder.pcm_sha256(builder.read_pcm(clip.path)) == spec.sha256
    note = "exact" if is_exact else "within tolerance"
    return f"{clip.id:30} {clip.duration_s:6.2f} s  {note:16}  {clip.path}"


if __name__ == "__main__":
    sys.exit(main())
