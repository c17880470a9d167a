"""What a study says about itself on its pages, as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechval.axioms import Cell
from mechval.reporting.report import Maker, RunFiles
from mechval.reporting.shown import Shown


@dataclass(frozen=True)
class Component:
    """One step of the network, the program's step beside it, and the states after both."""

    name: str
    network: str
    program: str
    network_state: str
    program_state: str


@dataclass(frozen=True)
class Answer:
    """An answer to one of the page's questions, computed from tables.

    Attributes:
        verdict: a few words.
        sentences: what it rests on, with N and the kind of evidence.
        details: rows to unfold.
        tone: ``good``, ``mixed``, ``bad`` or ``none``.
    """

    verdict: str
    sentences: tuple[str, ...]
    details: Shown | None = None
    tone: str = "none"


@dataclass(frozen=True)
class PageContent:
    """Everything a page says that is not in the sections of the study's report.

    Attributes:
        study: the study's name on the command line.
        title: what the study is about.
        claim: a few sentences; of the run, because sizes differ between runs.
        components: the steps, first to last.
        input_state: what both the network and the program start from.
        neurons_question: how the third question is put.
        neurons: its answer.
        cells: the axiom table; its first interpretation is the one that is claimed.
        makers: of the sections.
        package: whose templates they have.
        nulls: axiom tables of networks that the claim is false for, by network.
        bar: an ε at or below this counts as holding. A stated convention, not a finding.
    """

    study: str
    title: str
    claim: Callable[[RunFiles], Sequence[str]]
    components: tuple[Component, ...]
    input_state: str
    neurons_question: str
    neurons: Callable[[RunFiles], Answer]
    cells: Callable[[RunFiles], Sequence[Cell]]
    makers: tuple[Maker, ...]
    package: str
    nulls: Callable[[RunFiles], Mapping[str, Sequence[Cell]]] = lambda files: {}
    bar: float = 0.05
