"""The paper's interpretation with better components put in, everything else the same objects.

Components that are not replaced are shared with the interpretation they come from, so the suite
measures the cells that do not change once.
"""

from collections.abc import Mapping
from dataclasses import replace

from mechval.axioms import Interpretation
from mechval.two_sat.claim.improved.front import AnyVoting
from mechval.two_sat.claim.improved.regression import RegressedState
from mechval.two_sat.interpretation import ClauseParser

COUNTING = "counting"


def improved_interpretations(
    base: Interpretation, parser: ClauseParser, programs: Mapping[str, AnyVoting]
) -> list[Interpretation]:
    """``base`` with the counting γ_1, with its own evaluate program and with each voting one.

    Args:
        base: a three-component interpretation by ``make_interpretations``; its α_2 must read the
            neurons that the programs were fitted to.
        parser: gives γ_1.
        programs: by name; the interpretations are called ``<base>/counting`` and
            ``<base>/counting/<name>``.
    """
    counting = replace(with_parser(base, parser), name=f"{base.name}/{COUNTING}")
    voting = [
        replace(with_program(counting, program), name=f"{counting.name}/{name}")
        for name, program in programs.items()
    ]
    return [counting, *voting]


def with_parser(interpretation: Interpretation, parser: ClauseParser) -> Interpretation:
    """Another γ_1."""
    start, _, state, end = interpretation.gammas
    return replace(interpretation, gammas=(start, parser.gamma, state, end))


def with_program(interpretation: Interpretation, program: AnyVoting) -> Interpretation:
    """Another program of evaluate."""
    parse, _, output = interpretation.abstract
    return replace(interpretation, abstract=(parse, program.bits, output))


def with_state(interpretation: Interpretation, state: RegressedState) -> Interpretation:
    """γ_2 by regression."""
    start, parse, _, end = interpretation.gammas
    return replace(interpretation, gammas=(start, parse, state.gamma, end))
