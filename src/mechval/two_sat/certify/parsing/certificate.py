"""A proof about parsing as a file: what is claimed of each case, and what shows it.

A case is a clause position and the clause it holds. A certified one has one or more leaves, each
with some of the nearest earlier clauses fixed, which together cover every choice of them. A leaf
holds, for each head, bounds of the attention's part of every pre-activation and of the final
functional of every competing prototype: numbers that one evaluation each confirms.
"""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mechval import tables
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.transformer import Transformer, named_weights
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

_HEADER = "certificate"


class CaseStatus(StrEnum):
    """What is known of a case."""

    CERTIFIED = "certified"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ParsingCase:
    """One clause position with one own clause, over all choices of the earlier clauses.

    Attributes:
        clause_position: 0-based.
        clause: the own clause's id.
        margin: lower bound of the least margin over all choices (similarity, before division by
            the residual's norm, of the clause's better prototype minus that of the best other).
        numerical_error: bound of what rounding can have added to it; certified if it is less.
        attained_margin: true margin at the worst choice found, so the least one lies between.
        own_clause_attention: least attention, over choices and heads, on the own two literals.
        n_unstable: neurons that may be on or off while nothing is fixed.
        n_branches: choices of the nearest earlier clauses that were looked at one by one.
        worst_formula: clause ids of a formula with the attained margin, a counterexample if the
            case is refuted; later clauses, which do not matter, are clause 0.
        stopped_by: why an unknown case is not decided.

    ``n_unstable`` and ``n_branches`` tell of the search; the other numbers are claims.
    """

    clause_position: int
    clause: int
    status: CaseStatus
    margin: float = tables.number("worst margin")
    numerical_error: float = tables.number()
    attained_margin: float = tables.number()
    own_clause_attention: float = tables.number()
    n_unstable: int
    n_branches: int
    worst_formula: tuple[int, ...]
    stopped_by: str | None


@dataclass(frozen=True, kw_only=True)
class ParsingRow(ParsingCase):
    """A case in a table, with its clause as it is written."""

    literals: str


PARSING = tables.Table("certify/parsing.csv", ParsingRow)


@dataclass(frozen=True, eq=False)
class Leaves:
    """The leaves of all certified cases, case by case.

    Attributes:
        case: index into the cases.
        fixed: clauses of the nearest earlier positions, nearest first; -1 where none is fixed.
        lower: of the attention's part of each pre-activation.
        upper: the same.
        is_swapped: whether the swapped prototype is the one that beats this pair's.
        ratio: lower bound of the attention's part of the final functional against each pair.
        margin: the least over all competing pairs.
    """

    case: Int[np.ndarray, " leaf"]
    fixed: Int[np.ndarray, "leaf depth"]
    lower: Float[np.ndarray, "leaf head_index d_mlp"]
    upper: Float[np.ndarray, "leaf head_index d_mlp"]
    is_swapped: Bool[np.ndarray, "leaf pair"]
    ratio: Float[np.ndarray, "leaf head_index pair"]
    margin: Float[np.ndarray, " leaf"]


@dataclass(frozen=True, eq=False)
class ParsingCertificate:
    """What is proved about α_1, which compares with these prototypes, of one network."""

    problem: Problem
    weights_sha256: str
    prototypes: Float[np.ndarray, "pair d_model"]
    cases: tuple[ParsingCase, ...]
    leaves: Leaves

    def count(self, status: CaseStatus) -> int:
        return Counter(case.status for case in self.cases)[status]

    def rows(self) -> list[ParsingRow]:
        """One row per case; a refuted one's ``worst_formula`` is its counterexample."""
        symbols = Vocabulary(self.problem).symbols
        written = [f"({symbols[a]} {symbols[b]})" for a, b in clause_literals(self.problem)]
        return [ParsingRow(**vars(case), literals=written[case.clause]) for case in self.cases]


def weights_digest(model: Transformer) -> str:
    """`content_digest` of all weights in float32."""
    weights = named_weights(model).items()
    return content_digest({name: weight.float().numpy() for name, weight in weights})


def save_certificate(certificate: ParsingCertificate, path: Path) -> None:
    """Write a certificate; equal certificates, equal bytes."""
    arrays = {**vars(certificate.leaves), "prototypes": certificate.prototypes}
    tensors = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    header = {
        "problem": certificate.problem.model_dump(),
        "weights_sha256": certificate.weights_sha256,
        "content_sha256": content_digest(tensors),
        "cases": [asdict(case) for case in certificate.cases],
    }
    write_whole(path, save(tensors, metadata={_HEADER: json.dumps(header, sort_keys=True)}))


def load_certificate(path: Path) -> ParsingCertificate:
    """Read what :func:`save_certificate` wrote. Reading it proves nothing: see the checker.

    Raises MechvalError if the file is missing, damaged or not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["content_sha256"] != content_digest(tensors):
            raise ValueError("its content has another hash than it says")
        problem, prototypes = Problem.model_validate(header["problem"]), tensors.pop("prototypes")
        cases = TypeAdapter(tuple[ParsingCase, ...]).validate_python(header["cases"])
        of = (problem, header["weights_sha256"], prototypes)
        return ParsingCertificate(*of, cases, Leaves(**tensors))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: a whole certificate of "
            "parsing, as save_certificate writes it."
        ) from None


def content_digest(tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 of arrays: names in order, each followed by its numbers."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()
