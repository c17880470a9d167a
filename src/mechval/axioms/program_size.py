"""Lengths, in bits, of the code words that program sizes are made of (axiom 6).

Each function is the length of one prefix code: over its whole domain 2**-length sums to at most 1
(Kraft), so words written one after another can be told apart without separators.
"""

from math import comb

from mechval.errors import MechvalError


def positive_bits(value: int) -> int:
    """Length of a positive integer in Elias' gamma code.

    >>> [positive_bits(value) for value in (1, 2, 3, 4, 8)]
    [1, 3, 3, 5, 7]

    Raises MechvalError for an integer below 1.

    Source: Elias, Universal codeword sets (1975).
    """
    if value < 1:
        raise MechvalError(f"value={value} has no gamma code; allowed: at least 1.")
    return 2 * value.bit_length() - 1


def natural_bits(value: int) -> int:
    """Length of an integer from 0 up: that of its successor in the gamma code."""
    return positive_bits(value + 1)


def integer_bits(value: int) -> int:
    """Length of any integer; 0, -1, 1, -2, 2 and so on are written as 1, 2, 3, 4, 5."""
    return positive_bits(2 * value + 1 if value >= 0 else -2 * value)


def choice_bits(n_choices: int) -> int:
    """Length of one of so many equally long words (a fixed-width code).

    >>> [choice_bits(n) for n in (1, 2, 32, 33)]
    [0, 1, 5, 6]

    Raises MechvalError if there is nothing to choose from.
    """
    if n_choices < 1:
        raise MechvalError(f"n_choices={n_choices} is not allowed; allowed: at least 1.")
    return (n_choices - 1).bit_length()


def subset_bits(size: int, n_elements: int) -> int:
    """Length of a set of so many of ``n_elements``: its size, then which of the sets of that size.

    Raises MechvalError for a size that no such set has.
    """
    if not 0 <= size <= n_elements:
        raise MechvalError(f"size={size} is not allowed; allowed: 0 to {n_elements}.")
    return natural_bits(size) + choice_bits(comb(n_elements, size))
