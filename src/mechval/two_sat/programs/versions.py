"""The programs of evaluate that may be claimed, by the tag ``version``: all that there are.

A class that is entered here may be asked for by ``axioms.versions``. It is fitted and kept with the
circuit, validated, tried at every cut and high value, given its length, counted on all formulas,
and told of in explanations and reports.
"""

from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import Claimed, FittedTrees

CLAIMED: dict[str, type[Claimed]] = {
    program.version: program for program in (FittedTrees, DisjunctionProgram)
}
"""In the order of every table that is sorted by them."""
