"""From lemmas to cells: which lemmas each of the twelve cells follows from, and the theorem.

With t the network, h the program and SAT satisfiability: the lemmas about attention, neurons and
answers together say t(x) = SAT(x) for every formula x. A program whose bits are those of covering
assignments says SAT(x) too. What γ_1 and γ_2 write ends in SAT(x) by lemmas of their own. So both
sides of every cell are equal: states where bits or clauses are compared, SAT(x) where labels are.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from mechval.axioms import Axiom
from mechval.two_sat.certify.theorem.claims import VERSIONS
from mechval.two_sat.certify.theorem.lemmas import lemma_name
from mechval.two_sat.certify.theorem.theorem import CellProof, Lemma, LemmaStatus
from mechval.two_sat.configs import ReadingName, Residual
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, PARSE, interpretation_tags

_STATES = ("own clause", "constants", "read positions", "neurons")
NETWORK = (*_STATES, "cover", "satisfiable", "unsatisfiable")
SUBSTITUTED = ("neurons after γ_1", "satisfiable after γ_1", "unsatisfiable after γ_1")
_PARSED = ("own clause", "parsed clauses")


def premises(**tags: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """The lemmas that each cell of the interpretation with these tags follows from."""
    bits, cover = lemma_name("bits", **tags), lemma_name("covering bits", **tags)
    program, written = lemma_name("program", **tags), lemma_name("written bits", **tags)
    prefix, component = Axiom.PREFIX_EQUIVALENCE, Axiom.COMPONENT_EQUIVALENCE
    replaced, inserted = Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY
    read_off = (*NETWORK, bits, cover)
    said = (*NETWORK, program, cover)
    return {
        (prefix, PARSE): _PARSED,
        (prefix, EVALUATE): (*_STATES, bits, program),
        (prefix, OUTPUT): said,
        (component, PARSE): _PARSED,
        (component, EVALUATE): (*_STATES, "parsed clauses", bits, program),
        (component, OUTPUT): read_off,
        (replaced, PARSE): (*NETWORK, *SUBSTITUTED),
        (replaced, EVALUATE): (*said, written),
        (replaced, OUTPUT): said,
        (inserted, PARSE): (*NETWORK, *SUBSTITUTED),
        (inserted, EVALUATE): (*said, "parsed clauses", written),
        (inserted, OUTPUT): read_off,
    }


def derive_cells(lemmas: Sequence[Lemma], readings: Iterable[ReadingName]) -> list[CellProof]:
    """Every cell of every interpretation."""
    known = {lemma.name: lemma for lemma in lemmas}
    cells = []
    for tags in interpretation_tags(readings, VERSIONS, get_args(Residual)):
        for (axiom, component), needed in premises(**tags).items():
            stopped = first_missing(known, needed)
            cells.append(
                CellProof(
                    **tags,
                    axiom=axiom,
                    component=component,
                    status=LemmaStatus.UNKNOWN if stopped else LemmaStatus.PROVED,
                    lemmas=", ".join(needed),
                    stopped_by=stopped,
                )
            )
    return cells


def first_missing(known: Mapping[str, Lemma], needed: Iterable[str]) -> str | None:
    """The first lemma that is not proved, with its reason."""
    for name in needed:
        if known[name].status is not LemmaStatus.PROVED:
            return f"{name}: {known[name].stopped_by}"
    return None


def weakest(lemmas: Sequence[Lemma], needed: Collection[str]) -> Lemma:
    """Of the lemmas of these names, the one whose margin is least."""
    measured = [x for x in lemmas if x.name in needed and x.margin is not None]
    return min(measured, key=lambda lemma: lemma.margin or 0.0)


@dataclass(frozen=True)
class Verdict:
    """What a theorem says in a word; attributes as of `Theorem`."""

    status: LemmaStatus
    failing_lemma: str | None
    interpretations: tuple[str, ...]
    answers: LemmaStatus


def judge(lemmas: Sequence[Lemma], cells: Sequence[CellProof]) -> Verdict:
    """Whether the network answers rightly, and which interpretations hold throughout."""
    known = {lemma.name: lemma for lemma in lemmas}
    wrong = first_missing(known, NETWORK)
    open_cells: dict[str, list[str]] = {}
    for cell in cells:
        stopped = [] if cell.stopped_by is None else [cell.stopped_by]
        open_cells.setdefault(cell.interpretation, []).extend(stopped)
    whole = tuple(name for name, stopped in open_cells.items() if not stopped)
    fewest = min(open_cells.values(), key=len)
    failing = wrong or (None if whole else fewest[0])
    return Verdict(
        status=LemmaStatus.UNKNOWN if failing else LemmaStatus.PROVED,
        failing_lemma=failing,
        interpretations=whole,
        answers=LemmaStatus.UNKNOWN if wrong else LemmaStatus.PROVED,
    )
