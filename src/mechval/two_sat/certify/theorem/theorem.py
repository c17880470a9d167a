"""A theorem as a file: its lemmas, each with its numbers, and what follows from them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from mechval import tables
from mechval.two_sat.circuit.files import PROGRAMS, TENSORS


class LemmaStatus(StrEnum):
    """What is known of a lemma or of a cell."""

    PROVED = "proved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Lemma:
    """One statement about all formulas; `lemmas.STATEMENTS` says it in words.

    Attributes:
        margin: by how much its tightest inequality holds, all intervals and rounding taken off;
            None where it compares what is finite and exact.
        moved: what contamination costs that margin, at most.
        rounding: what rounding costs it, at most.
        unit: of these numbers.
        stopped_by: for an unknown one, the inequality and the number that stopped it.
    """

    name: str = tables.told("lemma")
    status: LemmaStatus
    margin: float | None = tables.number(default=None)
    moved: float | None = tables.number("contamination", default=None)
    rounding: float | None = tables.number(default=None)
    unit: str = tables.told("in", default="")
    stopped_by: str | None = tables.told(default=None)


@dataclass(frozen=True, kw_only=True)
class LemmaRow(Lemma):
    """A lemma in a table, with its statement."""

    statement: str = tables.told("says of every formula")


@dataclass(frozen=True, kw_only=True)
class NeuronBound:
    """A live neuron of block 1's MLP over all formulas.

    Attributes:
        on: least pre-activation where its assignment satisfies the formula.
        off: largest where it does not.
        highest: largest anywhere.
        interval: what contamination and rounding can move any of them, at most.
    """

    neuron: int
    assignment: int
    on: float | None = tables.number("least where satisfied")
    off: float | None = tables.number("largest where falsified")
    highest: float | None = tables.number()
    interval: float | None = tables.number()


@dataclass(frozen=True, kw_only=True)
class CellProof:
    """A cell of an interpretation: epsilon is 0 on all formulas, or the lemma that is missing.

    Attributes:
        lemmas: names of those it follows from, joined by commas.
    """

    version: str
    reading: str
    residual: str
    axiom: str
    component: str
    status: LemmaStatus
    lemmas: str
    stopped_by: str | None = tables.told("stopped by", default=None)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of its interpretation."""
        return {"version": self.version, "reading": self.reading, "residual": self.residual}

    @property
    def interpretation(self) -> str:
        """The name of its interpretation."""
        return "/".join(self.tags.values())


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """What is proved of one network and one circuit on all formulas.

    Attributes:
        formulas: how many there are, in digits, as no other type holds them all.
        weights_sha256: of the network, see `certificate.weights_digest`.
        circuit_sha256: of the circuit's two files, see `circuit_digest`.
        status: proved if the network answers every formula rightly and every cell of at least one
            interpretation holds with epsilon 0.
        failing_lemma: the first one that is not proved among those of the best interpretation.
        interpretations: those whose twelve cells are all proved.
        answers: whether the network's label is the formula's satisfiability on every formula.
        terms: of the closed form, neurons times positions times clauses times both bounds.
        content_sha256: of all the rest.
    """

    n_variables: int
    n_clauses: int
    formulas: str
    weights_sha256: str
    circuit_sha256: str
    status: LemmaStatus
    failing_lemma: str | None
    interpretations: tuple[str, ...]
    answers: LemmaStatus
    terms: int
    lemmas: tuple[Lemma, ...]
    neurons: tuple[NeuronBound, ...]
    cells: tuple[CellProof, ...]
    content_sha256: str = ""

    def sealed(self) -> "Theorem":
        """The same with the hash of its content, as it is written."""
        return replace(self, content_sha256=content_digest(asdict(self)))


THEOREM = tables.Record("certify/theorem.json", Theorem)
LEMMAS = tables.Table("certify/theorem_lemmas.csv", LemmaRow)
NEURONS = tables.Table("certify/theorem_neurons.csv", NeuronBound)
CELLS = tables.Table("certify/theorem_cells.csv", CellProof)
TABLES: tuple[tables.Declared, ...] = (THEOREM, LEMMAS, NEURONS, CELLS)


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a theorem's content as JSON, keys sorted, its own hash left out."""
    rest = {name: _plain(value) for name, value in content.items() if name != "content_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def circuit_digest(folder: Path) -> str:
    """SHA-256 of the tensors' file and of the programs' file of a circuit, one after the other."""
    digest = hashlib.sha256((folder / TENSORS).read_bytes())
    digest.update(PROGRAMS.path(folder).read_bytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [*map(_plain, value)] if isinstance(value, list | tuple) else tables.rounded(value)
