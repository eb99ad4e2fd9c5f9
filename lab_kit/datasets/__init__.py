"""Speech whose words and times are known: clips to stream, to check against and to measure with.

``clip("two-cities-opening")`` gives one, built into the cache on first use and checked against
the manifest; ``clips()`` gives all that can be built here; ``table()`` says what there is.
"""

from lab_kit.core.errors import DatasetError, InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import builder
from lab_kit.datasets.clips import Clip, Kind, Utterance, Word
from lab_kit.datasets.manifest import ClipSpec, manifest_path, read_manifest

__all__ = ["Clip", "Kind", "Utterance", "Word", "clip", "clips", "table"]


def clip(clip_id: str) -> Clip:
    """One clip by its id.

    Raises:
        DatasetError: no such id, its source is not installed, or it came out wrong.
        ModelStoreError: the recording has not been fetched; run ``lab models pull``.
    """
    specs = _specs()
    if clip_id not in specs:
        raise DatasetError(
            received=f"no clip named {clip_id!r}",
            expected=f"one of {', '.join(specs)}",
            next_step="see them with datasets.table()",
        )
    return builder.load_clip(specs[clip_id], builder.cache_folder())


def clips(kind: Kind | str | None = None, *, is_held_out: bool | None = None) -> tuple[Clip, ...]:
    """Every clip that can be built here, in the manifest's order.

    Clips from a Debian package that is not installed are left out; ``table()`` shows them.

    Args:
        kind: only ``"real"`` or only ``"synthesized"`` ones.
        is_held_out: only those that benchmarks use (True) or only the others (False).

    Raises:
        InvalidParameter: there is no such kind.
        DatasetError, ModelStoreError: as ``clip``.
    """
    if kind is not None and kind not in list(Kind):
        raise InvalidParameter(
            f"kind {kind!r}",
            f"one of {', '.join(Kind)}",
            f"pass kind={Kind.REAL.value!r}, or leave it out for all",
        )
    wanted = [
        spec
        for spec in _specs().values()
        if builder.is_available(spec)
        and (kind is None or spec.kind == kind)
        and (is_held_out is None or spec.is_held_out is is_held_out)
    ]
    return tuple(builder.load_clip(spec, builder.cache_folder()) for spec in wanted)


def table() -> str:
    """All clips as a text table; builds nothing."""
    lines = [f"{'clip':34} {'kind':12} {'seconds':>7}  text"]
    lines += [_line(spec) for spec in _specs().values()]
    return "\n".join(lines)


def _specs() -> dict[str, ClipSpec]:
    return read_manifest(manifest_path())


def _line(spec: ClipSpec) -> str:
    seconds = spec.n_samples / SAMPLE_RATE_HZ
    text = spec.text if len(spec.text) <= 60 else f"{spec.text[:57]}..."
    missing = "" if builder.is_available(spec) else f"  (needs {spec.source})"
    return f"{spec.id:34} {spec.kind:12} {seconds:7.2f}  {text}{missing}"
