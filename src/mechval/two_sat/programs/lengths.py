"""How long an evaluate program is, in bits of one prefix code, beside the weights (axiom 6).

The code. Whoever reads it knows the problem's size and nothing of the network. A program is

- its kind, :class:`Kind`, in Elias' gamma code,
- the number of its neurons, as a natural number (gamma code of the successor),
- for each neuron its formula:

  - *tree*, *disjunction* and others that may be claimed: see their ``formula_bits``.
  - *threshold* (k-of-n where all weights are 1): the least sum as an integer, the assignments
    whose weight is not 0 as a set, one bit that says whether all weights are 1, and if not, for
    each a sign bit and its size in gamma code.
  - *voting* and *mirrored voting*: see their modules, which code all neurons together.
  - *lookup table*: one bit for every truth table that some formula has, in increasing order.

- The constant program has no neurons: it is its kind and its label, one bit.

A set is its size (natural number), then which of the sets of that size, in a fixed width. What
all programs share has no length here: the clauses as written (h_1), the OR of the bits (h_3). Nor
have α and γ: they are how the program is compared, not the program. Weights count 32 bits each.

Source: paper section 3 (the program must be simpler than the network); the code is this project's.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import singledispatch

from mechval.axioms import program_size as codes
from mechval.errors import MechvalError
from mechval.two_sat.formulas.truth_tables import reachable_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import CodedProgram, ThresholdProgram
from mechval.two_sat.programs.mirrored import MirroredProgram
from mechval.two_sat.programs.voting import VotingProgram

_MOST_TABLES = 2**18


class Kind(IntEnum):
    """What a program is that is not claimed; those that are have the numbers 2, 3 and from 8 on."""

    CONSTANT = 1
    THRESHOLDS = 4
    LOOKUP = 5
    VOTING = 6
    MIRRORED = 7


@singledispatch
def size_bits(program: object, problem: Problem) -> int:
    """Length of a program, in bits of the code above. Raises MechvalError for one that has none."""
    if isinstance(program, CodedProgram):
        return program_bits(program.kind, program.formula_bits(problem))
    raise MechvalError(
        f"program of type {type(program).__name__} has no code for {problem}; allowed: one with "
        "kind and formula_bits, or registered with size_bits."
    )


@size_bits.register
def _(program: ThresholdProgram, problem: Problem) -> int:
    neurons = zip(program.assignments.int().tolist(), program.at_least.tolist(), strict=True)
    return program_bits(Kind.THRESHOLDS, [threshold_formula_bits(*neuron) for neuron in neurons])


@size_bits.register
def _(program: VotingProgram | MirroredProgram, problem: Problem) -> int:
    kind = Kind.VOTING if isinstance(program, VotingProgram) else Kind.MIRRORED
    return codes.positive_bits(kind) + program.size_bits()


def program_bits(kind: int, formulas: Sequence[int]) -> int:
    """Length of a program whose neurons' formulas have these lengths."""
    return codes.positive_bits(kind) + codes.natural_bits(len(formulas)) + sum(formulas)


def constant_bits() -> int:
    """Length of the constant program, which always gives the same label."""
    return codes.positive_bits(Kind.CONSTANT) + 1


def lookup_bits(n_tables: int, n_neurons: int) -> int:
    """Length of a lookup table over so many truth tables."""
    return program_bits(Kind.LOOKUP, [n_tables] * n_neurons)


def threshold_formula_bits(weights: Sequence[int], at_least: int) -> int:
    """Length of one neuron's formula: the sum of the weights of the satisfying assignments is at
    least ``at_least``. ``weights``: one integer per assignment of the problem. ``at_least``:
    smallest sum at which the bit is 1."""
    used = [weight for weight in weights if weight]
    bits = codes.integer_bits(at_least) + codes.subset_bits(len(used), len(weights)) + 1
    if any(weight != 1 for weight in used):
        bits += sum(1 + codes.positive_bits(abs(weight)) for weight in used)
    return bits


def count_reachable_truth_tables(problem: Problem) -> int | None:
    """How many truth tables formulas of this size have; None if they are more than 2**18 or more
    than can be listed (:func:`reachable_tables`).

    >>> count_reachable_truth_tables(Problem(n_variables=3, n_clauses=4))
    165
    """
    try:
        n_tables = len(reachable_tables(problem).words)
    except MechvalError:
        return None
    return n_tables if n_tables <= _MOST_TABLES else None
