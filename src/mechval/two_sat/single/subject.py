"""A network with its circuit and all that is claimed of it, asked about one formula at a time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from mechval.axioms import Axiom, CellKey, Interpretation, Sides, cell_sides
from mechval.pipeline.run import FinishedRun
from mechval.transformer.finished import load_finished
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import PROGRAMS, TENSORS, load_circuit
from mechval.two_sat.configs import Residual, Version
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.text import write_clause, write_pair
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import EVALUATE, PARSE, make_interpretations
from mechval.two_sat.network.components import Components, make_network
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.single.responsible import find_responsible


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a formula shows about a cell, whose sides are ``network`` and ``program``.

    The solver says whether it is satisfiable, and as the witness a satisfying assignment, or
    clauses that are unsatisfiable together. ``network_label`` is the network's own answer,
    ``responsible`` the positions or neurons that a disagreement is due to.
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

    Logits are at the answer position. The digest is SHA-256 of the residual stream after block 0,
    the hidden layer and the residual stream after block 1's attention.
    """

    logits: Float32[np.ndarray, " d_vocab"]
    digest: UInt8[np.ndarray, " byte"]


@dataclass(frozen=True)
class Subject:
    """A network with everything that is said about it: its main interpretations by name."""

    problem: Problem
    components: Components
    circuit: Circuit
    interpretations: Mapping[str, Interpretation]
    device: torch.device

    def observe(
        self, name: str, cell: CellKey, clause_ids: Int[np.ndarray, " clause_position"]
    ) -> tuple[Facts, States, bool]:
        """What a cell shows on one formula alone, the network's states, whether it fails."""
        interpretation, problem = self.interpretations[name], self.problem
        # On one thread: the order of additions must not depend on the number of cores.
        with _one_thread(), torch.inference_mode():
            tokens = encode_formulas(problem, torch.from_numpy(clause_ids[None]))
            sides = cell_sides(interpretation, tokens.to(self.device), cell)
            disagree = bool(sides.disagrees)
            about = (self.components, self.circuit, interpretation, sides)
            responsible = find_responsible(*about) if disagree else ""
        written = "" if cell.axiom.is_replaceability else sides.component
        satisfiable, witness = find_witness(problem, clause_ids)
        facts = Facts(
            distinct_clauses=len(np.unique(clause_ids)),
            formula=" ".join(write_clause(problem, clause) for clause in clause_ids.tolist()),
            satisfiable=satisfiable,
            witness=witness,
            network_label=write_label(int(sides.concrete[-1])),
            network=_write_state(problem, written, sides.network),
            program=_write_state(problem, written, sides.program),
            responsible=responsible,
        )
        return facts, self._states(sides), disagree

    def cell_of(self, name: str, axiom: Axiom, component: str) -> CellKey:
        """The cell of an interpretation that tables name so."""
        return CellKey(axiom, self.interpretations[name].components.index(component) + 1)

    def _states(self, sides: Sides) -> States:
        _, resid, answer, _ = sides.concrete
        digest = hashlib.sha256()
        for tensor in (resid, answer.hidden, answer.resid_mid):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        with _one_thread(), torch.inference_mode():
            logits = self.components.answer_logits(answer)[0].cpu().numpy()
        return States(logits, np.frombuffer(digest.digest(), dtype=np.uint8))


def make_subject(
    components: Components,
    circuit: Circuit,
    versions: Iterable[Version] = CLAIMED.keys(),
    residuals: Iterable[Residual] = get_args(Residual),
) -> Subject:
    """A network with its main interpretations, as stage ``axioms`` validates them."""
    made = make_interpretations(components, circuit, versions, residuals)
    named = {interpretation.name: interpretation for interpretation in made}
    return Subject(components.problem, components, circuit, named, components.device)


def load_subject(run: FinishedRun, checkpoint: Path | None = None) -> Subject:
    """The network and the circuit of a finished run, on the CPU.

    Raises MechvalError as :func:`load_finished`, which says what ``checkpoint`` is, or if the
    circuit is missing or altered.
    """
    problem = Problem.model_validate(run.manifest("circuit").config["problem"])
    model = load_finished(run, partial(make_network, problem), checkpoint)
    directory = run.file("circuit", TENSORS).parent
    run.file("circuit", PROGRAMS.name)
    circuit = load_circuit(directory, problem)
    return make_subject(Components(model, problem), circuit)


def find_witness(
    problem: Problem, clause_ids: Int[np.ndarray, " clause_position"]
) -> tuple[bool, str]:
    """Whether a formula is satisfiable, and the solver's model or core, in words."""
    with SatOracle(problem) as oracle:
        if oracle.is_satisfiable(clause_ids):
            model = oracle.model(clause_ids)
            assignment = int(model @ (1 << np.arange(len(model))))
            return True, f"model {write_assignment(assignment, problem)}"
        core = np.sort(oracle.core(clause_ids)).tolist()
        return False, "core " + " ".join(write_clause(problem, clause) for clause in core)


def write_assignment(assignment: int, problem: Problem) -> str:
    """The assignment whose bits are the variables' values, such as ``x0=1 x1=0``."""
    return " ".join(f"x{v}={assignment >> v & 1}" for v in range(problem.n_variables))


def write_label(label: int) -> str:
    """A label of the network in words."""
    return "satisfiable" if label else "unsatisfiable"


def _write_state(problem: Problem, component: str, state: Tensor) -> str:
    """A label, or the state after a component."""
    if component == PARSE:
        return " ".join(write_pair(problem, pair) for pair in state[0].tolist())
    if component == EVALUATE:
        return "bits " + "".join(str(int(bit)) for bit in state[0].tolist())
    return write_label(int(state))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
