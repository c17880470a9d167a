"""Small networks whose block 0 parses by construction, and the truth about them by enumeration."""

from itertools import product

import numpy as np
import torch

from mechval.transformer import Architecture, Transformer
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem, clause_literals

TINY_PROBLEM = Problem(n_variables=3, n_clauses=5)
"""248 832 formulas: few enough to try all of them."""

D_MODEL, D_MLP, NOISE = 32, 16, 0.01


def parsing_network(
    seed: int, n_heads: int = 1, *, focus: float = 2.2, mlp_scale: float = 3.0
) -> Transformer:
    """A network that looks at its own clause and copies what it sees, slightly disturbed.

    Dimensions of the residual stream: the token, the clause position, the attended tokens.

    Args:
        focus: how much more the own clause is looked at; at 1.0 some clauses are misread.
        mlp_scale: how far the random MLP moves the residual stream.
    """
    problem = TINY_PROBLEM
    model = make_network(problem, Architecture(d_model=D_MODEL, d_mlp=D_MLP, n_heads=(n_heads, 1)))
    model.initialise(torch.Generator().manual_seed(seed))
    n_literals, n_clauses = problem.n_literals, problem.n_clauses
    seen = n_literals + n_clauses
    attn, mlp = model.block(0).attn, model.block(0).mlp
    with torch.no_grad():
        for parameter in (*model.block(0).parameters(), model.W_E, model.W_pos):
            parameter.mul_(NOISE * D_MODEL**0.5)
        model.W_E[:n_literals, :n_literals] += torch.eye(n_literals)
        for k in range(n_clauses):
            model.W_pos[[4 * k + 1, 4 * k + 2], n_literals + k] += 1
        for k, head in product(range(n_clauses), range(n_heads)):
            column = head * attn.d_head + k
            attn.query[n_literals + k, column] += focus * attn.d_head**0.5
            attn.key[n_literals + k, column] += 1.5
        for literal in range(n_literals):
            column = literal * n_heads % D_MODEL if n_heads > 1 else literal
            attn.value[literal, column] += 1
            attn.output[column, seen + literal] += 1
        mlp.W_in.mul_(60)
        mlp.W_out.mul_(mlp_scale)
    return model


def true_margins(model: Transformer, problem: Problem = TINY_PROBLEM) -> list[np.ndarray]:
    """By clause position: the margin at every choice of the clauses up to it, by enumeration.

    Axis j of an entry is the clause at position j; the last axis is the own clause.
    """
    exact = _exact(model)
    units = clause_prototypes(model, problem).double().numpy()
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    return [
        _margins(residuals(exact, problem, k)[1], units, problem) for k in range(problem.n_clauses)
    ]


def residuals(exact: Transformer, problem: Problem, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Residual stream before and after the MLP at one second literal, for every choice.

    Args:
        exact: a network in float64.
    """
    attn, mlp = exact.block(0).attn, exact.block(0).mlp
    clauses = torch.as_tensor(clause_literals(problem))
    n_distinct, position = len(clauses), 4 * k + 2
    mids = []
    with torch.no_grad():
        for own in range(n_distinct):
            query_input = exact.W_E[clauses[own, 1]] + exact.W_pos[position]
            shape = (n_distinct,) * k
            mid = query_input.expand(*shape, -1)
            for head in range(attn.n_heads):
                query = query_input @ attn.W_Q[head] / attn.d_head**0.5
                # 1 × d_model for the punctuation, one row per clause for each position.
                numerator = torch.zeros(exact.W_E.shape[1], dtype=torch.float64)
                denominator = torch.zeros((), dtype=torch.float64)
                for j in range(k + 1):
                    tokens = clauses if j < k else clauses[[own]]
                    terms = [(4 * j, torch.full((1,), problem.n_literals))]
                    terms += [(4 * j + 1, tokens[:, 0]), (4 * j + 2, tokens[:, 1])]
                    if j < k:
                        terms += [(4 * j + 3, torch.full((1,), problem.n_literals + 1))]
                    value, weight = torch.zeros(1, 1).double(), torch.zeros(1).double()
                    for place, token in terms:
                        seen = exact.W_E[token] + exact.W_pos[place]
                        share = (seen @ attn.W_K[head] @ query).exp()
                        weight = weight + share
                        value = value + share[:, None] * (seen @ attn.W_V[head] @ attn.W_O[head])
                    axes = [1] * k
                    if j < k:
                        axes[j] = n_distinct
                    numerator = numerator + value.reshape(*axes, -1)
                    denominator = denominator + weight.reshape(axes)
                mid = mid + numerator / denominator[..., None]
            mids.append(mid)
        before = torch.stack(mids, dim=k)
        return before.numpy(), (before + mlp.project(mlp.hidden(before))).numpy()


def plant_violation(model: Transformer, problem: Problem = TINY_PROBLEM) -> tuple[int, ...]:
    """Make one neuron fire on a single choice of clauses, and push it to a wrong prototype.

    Returns:
        The formula whose last clause is now parsed as another: the only one.
    """
    generator = torch.Generator().manual_seed(0)
    by_position = [residuals(_exact(model), problem, k)[0] for k in range(problem.n_clauses)]
    points = [torch.from_numpy(found).flatten(0, -2) for found in by_position]
    best_gap, best = -1.0, None
    for direction in torch.randn(30, D_MODEL, generator=generator):
        heights = [point @ direction.double() for point in points]
        top = heights[-1].topk(2)
        elsewhere = max(float(height.max()) for height in heights[:-1])
        gap = float(top.values[0]) - max(float(top.values[1]), elsewhere)
        if gap > best_gap:
            best_gap, best = gap, (direction, int(top.indices[0]), float(top.values[0]))
    assert best is not None
    direction, index, height = best
    formula = np.unravel_index(index, by_position[-1].shape[:-1])
    units = torch.nn.functional.normalize(clause_prototypes(model, problem), dim=-1)
    first, second = clause_literals(problem)[formula[-1]].tolist()
    n = problem.n_literals
    wrong = 1 if (first * n + second) != 1 and (second * n + first) != 1 else 2
    mlp = model.block(0).mlp
    with torch.no_grad():
        mlp.W_in[:, 0] = direction / best_gap
        mlp.b_in[0] = -(height - best_gap / 2) / best_gap
        mlp.W_out[0] = 2 * (units[wrong] - units[first * n + second])
    return tuple(int(clause) for clause in formula)


def _exact(model: Transformer) -> Transformer:
    exact = make_network(
        Problem(n_variables=3, n_clauses=(model.n_ctx - 1) // 4), model.architecture
    ).double()
    exact.load_state_dict({name: weight.double() for name, weight in model.state_dict().items()})
    return exact


def _margins(after: np.ndarray, units: np.ndarray, problem: Problem) -> np.ndarray:
    scores = after @ units.T
    n = problem.n_literals
    for own, (first, second) in enumerate(clause_literals(problem)):
        accepted = [first * n + second, second * n + first]
        view = scores[..., own, :]
        best = view[..., accepted].max(axis=-1)
        view[..., accepted] = -np.inf
        scores[..., own, 0] = best - view.max(axis=-1)
    return scores[..., 0]
