"""The paper's interpretation with better components put in, everything else the same objects.

Components that are not replaced are shared with the interpretation they come from, so the suite
measures the cells that do not change once.
"""

from collections.abc import Mapping
from dataclasses import replace

from mechval.axioms import Interpretation
from mechval.two_sat.improved.parsing import CountingParser
from mechval.two_sat.improved.voting import VotingProgram

COUNTING = "counting"


def improved_interpretations(
    base: Interpretation, parser: CountingParser, programs: Mapping[str, VotingProgram]
) -> list[Interpretation]:
    """``base`` with the counting γ_1, with its own evaluate program and with each voting one.

    Args:
        base: a three-component interpretation by ``make_interpretations``; its α_2 must read the
            neurons that the programs were fitted to.
        parser: gives γ_1.
        programs: by name; the interpretations are called ``<base>/counting`` and
            ``<base>/counting/<name>``.
    """
    start, _, state, end = base.gammas
    counting = replace(
        base, name=f"{base.name}/{COUNTING}", gammas=(start, parser.gamma, state, end)
    )
    parse, _, output = base.abstract
    voting = [
        replace(counting, name=f"{counting.name}/{name}", abstract=(parse, program.bits, output))
        for name, program in programs.items()
    ]
    return [counting, *voting]
