"""A recorded stream of our own messages, as labs record it: three segments, every rule kept."""

import json
from typing import Any

from lab_kit.protocol.judge.capture import Capture

HEAD = {"capture": 1, "dialect": "lab", "wire": "websocket", "bytes_per_s": 32_000.0}
TIMING = dict.fromkeys(
    (
        *("trigger_audio_s", "received_ns", "decided_ns", "submitted_ns"),
        *("started_ns", "finished_ns", "compute_ns"),
    ),
    0,
)
SEGMENTS = (
    (0.4, ("it", "it was", "it was the best."), "It was the best of times,"),
    (4.2, ("it", "it was age", "it was the age"), "it was the age of wisdom,"),
    (6.1, ("and", "and the"), "and the age of foolishness."),
)


def capture() -> Capture:
    """The capture."""
    rows: list[dict[str, Any]] = [{"at_ms": 5.0, "by": "server", "opened": True}]
    numbered = 0

    def told(at_ms: float, kind: str, **fields: Any) -> None:
        nonlocal numbered
        numbered += 1
        message = {"type": kind, "sequence": numbered, "taken": 0, "sent_ns": 0, **fields}
        rows.append({"at_ms": at_ms, "by": "server", "message": message})

    names = ("session", "request_id", "model", "model_version", "device")
    told(6.0, "session_begun", resume_window_s=30.0, **dict.fromkeys(names, "-"))
    sent_s = 0.0
    for number, (start_s, interims, final) in enumerate(SEGMENTS, 1):
        result = {"segment": number, "start_s": start_s, "confidence": 0.9, "timing": TIMING}
        for revision, text in enumerate(interims, 1):
            end_s = start_s + 0.4 * revision
            rows.append(_sound(end_s * 1e3, end_s - sent_s))
            sent_s = end_s
            if revision == 1:
                told(end_s * 1e3, "speech_started", at_s=start_s)
            told(
                end_s * 1e3 + 40,
                "interim",
                revision=revision,
                end_s=end_s,
                text=text,
                stable_chars=len(text) // 2,
                **result,
            )
        told(
            sent_s * 1e3 + 300,
            "final",
            revision=len(interims) + 1,
            end_s=sent_s,
            text=final,
            endpoint=True,
            requested=False,
            **result,
        )
    rows.append({"at_ms": 8_000.0, "by": "client", "message": {"type": "finish"}})
    told(8_010.0, "usage", from_s=0.0, until_s=sent_s)
    told(8_011.0, "session_ended", reason="finished", audio_s=sent_s, sha256="0")
    rows.append({"at_ms": 8_012.0, "by": "server", "closed": {"code": "OK"}})
    return Capture.read([json.dumps(HEAD), *map(json.dumps, rows)])


def _sound(at_ms: float, length_s: float) -> dict[str, Any]:
    return {"at_ms": at_ms, "by": "client", "sound": {"bytes": round(32_000 * length_s)}}
