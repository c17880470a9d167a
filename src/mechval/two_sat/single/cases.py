"""One counterexample: a formula, what both sides of the cell say about it, and why."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8

from mechval.axioms import Axiom, Interpretation
from mechval.axioms.base import Sides
from mechval.axioms.cells import CellKey
from mechval.axioms.equations import cell_sides
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import Residual, Version
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.interpretation import EVALUATE, PARSE, make_interpretations
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.single.responsible import Attribution
from mechval.two_sat.single.shrinking import distinct_clauses


@dataclass(frozen=True)
class Facts:
    """What a formula shows about a cell.

    Attributes:
        distinct_clauses: how many different clauses the formula has.
        formula: as people write it.
        satisfiable: as the solver says.
        witness: a satisfying assignment, or clauses that are unsatisfiable together.
        network_label: the network's own answer.
        network: what the network's side of the cell says.
        program: what the program's side says.
        responsible: the positions or neurons that it is due to.
    """

    distinct_clauses: int
    formula: str
    satisfiable: bool
    witness: str
    network_label: str
    network: str
    program: str
    responsible: str


@dataclass(frozen=True, eq=False)
class States:
    """The network's own numbers on one formula, which a replay finds again to the last bit.

    Attributes:
        logits: at the answer position.
        digest: sha256 of the residual stream after block 0, the hidden layer and the residual
            stream after block 1's attention.
    """

    logits: Float32[np.ndarray, " d_vocab"]
    digest: UInt8[np.ndarray, " byte"]


@dataclass(frozen=True)
class Subject:
    """A network with everything that is said about it.

    Attributes:
        interpretations: the main ones, by name.
    """

    problem: Problem
    components: Components
    circuit: Circuit
    interpretations: Mapping[str, Interpretation]
    device: torch.device

    def observe(
        self, interpretation: str, cell: CellKey, clause_ids: Int[np.ndarray, " clause_position"]
    ) -> tuple[Facts, States, bool]:
        """Evaluate a cell on one formula alone.

        Returns:
            What it shows, the network's states, and whether the two sides disagree.

        Raises:
            MechvalError: if there is no such interpretation.
        """
        chosen = self.interpretations[interpretation]
        with one_thread(), torch.inference_mode():
            tokens = encode_formulas(self.problem, torch.from_numpy(clause_ids[None]))
            sides = cell_sides(chosen, tokens.to(self.device), cell)
            facts = self._facts(chosen, cell, clause_ids, sides)
            return facts, self._states(sides), bool(sides.disagrees)

    def _facts(
        self,
        interpretation: Interpretation,
        cell: CellKey,
        clause_ids: Int[np.ndarray, " clause_position"],
        sides: Sides,
    ) -> Facts:
        is_label = cell.axiom.is_replaceability
        component = "" if is_label else interpretation.components[cell.component - 1]
        explain = Attribution(self.components, self.circuit).explain
        satisfiable, witness = _witness(self.problem, clause_ids)
        return Facts(
            distinct_clauses=len(distinct_clauses(clause_ids)),
            formula=_formula_text(self.problem, clause_literals(self.problem)[clause_ids]),
            satisfiable=satisfiable,
            witness=witness,
            network_label=_label_text(int(sides.concrete[-1])),
            network=self._state_text(component, sides.network),
            program=self._state_text(component, sides.program),
            responsible=explain(interpretation, cell, sides),
        )

    def _state_text(self, component: str, state: torch.Tensor) -> str:
        if component == PARSE:
            n = self.problem.n_literals
            return _formula_text(self.problem, np.array(divmod(state[0].cpu().numpy(), n)).T)
        if component == EVALUATE:
            return "bits " + "".join(str(int(bit)) for bit in state[0].tolist())
        return _label_text(int(state))

    def _states(self, sides: Sides) -> States:
        _, resid, answer, _ = sides.concrete
        digest = hashlib.sha256()
        for tensor in (resid, answer.hidden, answer.resid_mid):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        logits = self.components.answer_logits(answer)[0].cpu().numpy()
        return States(logits, np.frombuffer(digest.digest(), dtype=np.uint8))


def make_subject(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    *,
    versions: tuple[Version, ...],
    residuals: tuple[Residual, ...],
    device: torch.device,
) -> Subject:
    """A network with its main interpretations, as stage ``axioms`` validates them."""
    components = Components(model.to(device), problem)
    interpretations = make_interpretations(
        components, problem, circuit, versions=versions, residuals=residuals, device=device
    )
    named = {interpretation.name: interpretation for interpretation in interpretations}
    return Subject(problem, components, circuit, named, device)


def cell_of(interpretation: Interpretation, axiom_name: str, component: str) -> CellKey:
    """The cell that tables name so."""
    axiom = next(axiom for axiom in Axiom if axiom.label == axiom_name)
    return CellKey(axiom, interpretation.components.index(component) + 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: the order of additions must not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _witness(problem: Problem, clause_ids: Int[np.ndarray, " clause_position"]) -> tuple[bool, str]:
    satisfiable = bool(is_satisfiable(truth_tables(problem, clause_ids[None]))[0])
    with SatOracle(problem) as oracle:
        if satisfiable:
            return True, "model " + _assignment_text(oracle.model(clause_ids))
        core = clause_literals(problem)[np.sort(oracle.core(clause_ids))]
        return False, f"core {_formula_text(problem, core)}"


def _assignment_text(model: Bool[np.ndarray, " variable"]) -> str:
    return " ".join(f"x{variable}={int(value)}" for variable, value in enumerate(model))


def _formula_text(problem: Problem, literals: Int[np.ndarray, "clause 2"]) -> str:
    symbols = Vocabulary(problem).symbols
    return " ".join(f"({symbols[first]} ∨ {symbols[second]})" for first, second in literals)


def _label_text(label: int) -> str:
    return "satisfiable" if label else "unsatisfiable"
