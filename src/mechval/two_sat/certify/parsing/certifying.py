"""Is every clause of every formula parsed right? Proved, refuted or left open, case by case.

The claim of a case: whatever the earlier clauses are, the unit prototype nearest to the residual
stream after block 0 at the second literal is one of the own clause's two. (Later tokens cannot
matter: attention is causal.) For each competing prototype it suffices that one of the two beats it.

1. Each earlier clause is free, so every linear functional of one head's attention output has an
   exact range (`fractional`). Several heads choose their worst case each for itself: their sum is
   a bound, attained only if the choices coincide.
2. This gives every pre-activation's range, and one linear bound for every neuron (`relaxation`).
3. The margin against a competitor is thus at least a linear functional of the attention output,
   bounded as in 1.
4. A case that fails is searched for a counterexample; then the nearest earlier clause is fixed to
   each clause in turn, then the next, within a budget.

What is proved concerns real arithmetic on the stored float32 weights and prototypes: the margin
exceeds a bound of the error of every float64 operation (`rounding`). The float32 network computes
the same function with rounding errors of its own. The same analysis with u = 2^-24 bounds those
by far more than the margins, so about float32 nothing is proved: it would have to err by a margin.

Source: own; PAPER.md section 2, component 1, says what is claimed.
"""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mechval.errors import MechvalError
from mechval.progress import progress_bar
from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.certificate import Leaves, ParsingCertificate, weights_digest
from mechval.two_sat.certify.parsing.first_block import FirstBlock, read_first_block
from mechval.two_sat.certify.parsing.prover import Proof, QueryProver
from mechval.two_sat.certify.parsing.query import make_query
from mechval.two_sat.circuit.prototypes import clause_prototypes
from mechval.two_sat.configs import ParsingConfig
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.problem import Problem, clause_literals


def certify_parsing(
    model: Transformer,
    problem: Problem,
    config: ParsingConfig,
    prototypes: Float[Tensor, "pair d_model"] | None = None,
) -> ParsingCertificate:
    """Prove, refute or leave open that α_1 returns every clause, whatever stands before it.

    Args:
        model: any network of the family (see `first_block`), on any device; this runs on the CPU.
        problem: the size of the formulas.
        config: how far to go.
        prototypes: that α_1 compares with; those of the weights if not given.

    Raises:
        MechvalError: for a network outside the family or of another size, or a prototype of
            length 0.
    """
    block = read_first_block(model, problem)
    if prototypes is None:
        prototypes = clause_prototypes(model, problem)
    stored = prototypes.detach().cpu().numpy()
    proofs = sorted(
        _all_proofs(block, unit_prototypes(stored), config),
        key=lambda proof: (proof.case.clause_position, proof.case.clause),
    )
    return ParsingCertificate(
        problem,
        weights_digest(model),
        stored,
        tuple(proof.case for proof in proofs),
        _stacked(proofs, block, len(stored)),
    )


def unit_prototypes(
    prototypes: Float[np.ndarray, "pair d_model"],
) -> Float[np.ndarray, "pair d_model"]:
    """Directions in float64.

    Raises:
        MechvalError: if one has length 0 and thus no direction.
    """
    exact = prototypes.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise MechvalError(
            "prototypes hold one whose length is 0 or not finite; allowed: vectors that have a "
            "direction."
        )
    return exact / lengths


def _all_proofs(
    block: FirstBlock, directions: Float[np.ndarray, "pair d_model"], config: ParsingConfig
) -> list[Proof]:
    problem, proofs = block.problem, []
    second_literals = np.unique(clause_literals(problem)[:, 1]).tolist()
    total = problem.n_clauses * problem.n_distinct_clauses
    with progress_bar(None, "certified parsing", total=total) as bar:
        for position in FormulaLayout(problem).second_literal_positions:
            for literal in second_literals:
                query = make_query(block, position, literal)
                for proof in QueryProver(query, directions, config.max_branches).proofs():
                    proofs.append(proof)
                    bar.update(1)
    return proofs


def _stacked(proofs: list[Proof], block: FirstBlock, n_pairs: int) -> Leaves:
    leaves = [(index, leaf) for index, proof in enumerate(proofs) for leaf in proof.leaves]
    depth = max((len(leaf.prefix) for _, leaf in leaves), default=0)
    n, n_heads, d_mlp = len(leaves), block.n_heads, len(block.b_in)
    fixed = np.full((n, depth), -1, dtype=np.int16)
    for row, (_, leaf) in zip(fixed, leaves, strict=True):
        row[: len(leaf.prefix)] = leaf.prefix
    return Leaves(
        case=np.array([index for index, _ in leaves], dtype=np.int32),
        fixed=fixed,
        lower=np.array([leaf.attention.lower[0] for _, leaf in leaves], dtype=np.float32).reshape(
            n, n_heads, d_mlp
        ),
        upper=np.array([leaf.attention.upper[0] for _, leaf in leaves], dtype=np.float32).reshape(
            n, n_heads, d_mlp
        ),
        is_swapped=np.array([leaf.is_swapped for _, leaf in leaves], dtype=bool).reshape(
            n, n_pairs
        ),
        ratio=np.array([leaf.ratio for _, leaf in leaves], dtype=np.float32).reshape(
            n, n_heads, n_pairs
        ),
        margin=np.array([leaf.margin for _, leaf in leaves], dtype=np.float64),
    )
