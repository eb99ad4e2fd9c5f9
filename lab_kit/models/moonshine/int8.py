"""In which forms int8 matrices can be written, and the largest numbers that meet in them."""

from enum import Enum, auto

LARGEST_UNSIGNED, LARGEST_SIGNED = 255, 127
SUMMED = 64
"""Products in a sum that shows whether such sums are exact."""


class Weights(Enum):
    """What int8 matrices are written as.

    Attributes:
        UNSIGNED: as they were published.
        SIGNED: bytes from -128 on, which processors multiply faster; the sums stay the same
            integers. Some processors cannot hold those sums: see
            `kept_graphs.signed_sums_are_exact`.
        FLOAT: for GPUs, which have no kernels for products of bytes here.
    """

    UNSIGNED = auto()
    SIGNED = auto()
    FLOAT = auto()
