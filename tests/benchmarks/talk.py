"""The voice agent: from the true end of a turn to the first audible sound, and who breaks in.

    .venv/bin/python tests/benchmarks/talk.py [--rounds N] [--echo] [--turns KIND]

Callers speak clips at the pace of speech, 20 ms a message, to a server with all its models, and
listen at the receiving end. A turn ends where its last word does, which is known from the words.
The first audible sound is the first sample of the answer above -50 dBFS, plus one packet of 20 ms
that a player has to have. What a player or a network adds is not in it.

With ``--echo`` the answer is heard by the caller's own microphone, weaker by so much, with three
reflections; it counts how long a caller's first sound takes to silence it, how often nobody was
heard, and how often the answer silenced itself.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence

from lab_kit.bench import Bench
from lab_kit.core.talk_record import Conversation, Interruption, TalkTurn
from lab_kit.core.units import ms
from lab_kit.datasets import clips
from lab_kit.experiments.voice import break_in, talk
from lab_kit.measure.percentiles import percentile

ECHOES_DB = (-10.0, -20.0, -30.0, None)
SILENCE_MS = 200


def turn_detection(kind: str) -> dict[str, object]:
    if kind == "semantic_vad":
        return {"type": kind}
    return {"type": kind, "silence_duration_ms": SILENCE_MS}


def in_ms(values: Sequence[float]) -> str:
    """Of seconds."""
    if not values:
        return "-"
    told = " / ".join(f"{ms(percentile(values, share)):.0f}" for share in (0.1, 0.5, 0.95))
    return f"{told} ms (p10/p50/p95, n = {len(values)})"


def tell_stages(turns: Sequence[TalkTurn], clock_ns: int) -> None:
    """Of the server's stamps, from the true end of the turn."""
    known = [(turn, turn.timing) for turn in turns if turn.timing is not None]
    for name in ("paused", "heard", "token", "written", "spoken", "ended", "sent"):
        delays = [(getattr(t, f"{name}_ns") + clock_ns - turn.end_ns) / 1e9 for turn, t in known]
        print(f"  {name + '_ns':12} {in_ms(delays)}")


def tell_turns(held: Sequence[Conversation]) -> None:
    turns = [turn for one in held for turn in one.turns]
    delays = [turn.ttfa_s for turn in turns if turn.ttfa_s is not None]
    inside = sum(delay <= 0.3 for delay in delays)
    ahead = sum(turn.timing is not None and turn.timing.is_ahead for turn in turns)
    begun, dropped = sum(one.begun for one in held), sum(one.dropped for one in held)
    print(f"first audible sound after the true end of a turn: {in_ms(delays)}")
    early = sum(turn.cut for turn in turns)
    print(f"  within 300 ms: {inside} of {len(delays)}; begun ahead: {ahead}")
    print(f"  answered before their end: {early}, not at all: {len(turns) - len(delays)}")
    print(f"  answers begun at a pause: {begun}, thrown away: {dropped}")
    tell_stages(turns, held[0].clock.offset_ns)
    for turn in turns:
        print(f"    {ms(turn.ttfa_s or 0):5.0f} ms  {turn.heard[:44]:44} > {turn.answer[:60]}")


def tell_interruptions(found: Sequence[Interruption]) -> None:
    delays = [one.delay_s for one in found if one.delay_s is not None and one.false_ns is None]
    missed = sum(one.silent_ns is None for one in found)
    false = sum(one.false_ns is not None for one in found)
    echo = "none" if found[0].echo_db is None else f"{found[0].echo_db:.0f} dB"
    print(f"  echo {echo:7} silent after {in_ms(delays)}; missed {missed}, false {false}")


async def measure(options: argparse.Namespace) -> None:
    bench = Bench.start()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    said = [one for one in clips() if len(one.utterances()) == 1 and one.duration_s < 6]
    held = []
    for _ in range(options.rounds):
        for one in said:  # a call each: or the model says again what it said before
            turns = turn_detection(options.turns)
            held.append(await talk(bench.address, [one], device=bench.device, turns=turns))
    if held:
        tell_turns(held)
    if options.echo:
        print("a caller breaks in:")
        for echo_db in ECHOES_DB:
            tell_interruptions(await break_in(bench.address, echo_db, said[::2]))
    print(f"load average {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--turns", default="server_vad", choices=["server_vad", "semantic_vad"])
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
