"""What a server's work costs in processor time: the few numbers that a machine is known by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerCosts:
    """Processor seconds of each kind of work, and what there is to do it with.

    A decode encodes its window, starts with one pass over what was drafted, and takes one pass for
    each token that no draft foretold. Sequences that stand at the same token share a pass.

    Attributes:
        encode: for each second of window.
        passes: for a decoder pass of one sequence.
        row: for each further sequence in it.
        drafted: for each drafted token that is checked in it.
        decode: for each decode, whatever its length: what Python does before and after.
        sound: on the event loop, for each second of sound: the wire, voice activity, endpointing.
        idle: of the server, in each second of time, streams or not.
        caller: of the callers' process, for each second of sound.
        tokens_per_s: of speech.
        draft_kept: share of a draft that the next pass agrees with.
        contention: how many times longer work takes while all cores compute, as they share memory
            and the interpreter.
        delay_s: what a result takes that nobody computes: wire, wake-ups, and what is between
            speech's true end and the detector's idea of it.
        cores, workers: processors, and threads that decode.
    """

    encode: float = 0.009
    passes: float = 0.0031
    row: float = 0.0006
    drafted: float = 0.0003
    decode: float = 0.002
    sound: float = 0.012
    idle: float = 0.0
    caller: float = 0.004
    tokens_per_s: float = 4.2
    draft_kept: float = 0.8
    contention: float = 1.1
    delay_s: float = 0.0
    cores: float = 2.0
    workers: int = 2
