"""The mechanism as tables that a browser draws: the network after γ_1, and formulas recorded whole.

γ_1 writes a clause's prototype at its second literal and constants everywhere else, and block 1 is
read at ``:`` alone. Per head its attention is then a ratio of sums over the clauses, so that few
numbers give the state of any formula (``certify.counting.substituted_block`` has the same in ball
arithmetic). Of formulas that are recorded, the network's own state is there too.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.nearest_prototype import nearest_prototype
from mechval.two_sat.formulas.text import write_clause, write_pair
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.interpretation import main_reading
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import clause_literals, clause_pairs
from mechval.two_sat.programs.trees import tree_to_json
from mechval.two_sat.single.subject import Subject

_SCRIPTS = ("network.js", "view.js")


@dataclass(frozen=True)
class Recorded:
    """A formula that the page has ready, and what it is called there."""

    name: str
    clause_ids: tuple[int, ...]


def draw_mechanism(subject: Subject, recorded: Sequence[Recorded]) -> str:
    """The view as HTML that loads nothing; the first recorded formula is shown first."""
    environment = Environment(
        loader=PackageLoader("mechval.two_sat.single", "drawing"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    folder = files("mechval.two_sat.single") / "drawing"
    scripts = ((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return environment.get_template("mechanism.html.j2").render(
        problem=subject.problem,
        style=(folder / "mechanism.css").read_text(encoding="utf-8"),
        script="\n".join(scripts),
        data=mechanism_data(subject, recorded),
    )


@torch.inference_mode()
def mechanism_data(subject: Subject, recorded: Sequence[Recorded]) -> dict[str, Any]:
    """What ``drawing/network.js`` computes with, as plain values.

    Tables are float32, little-endian, in base64; a column is a neuron that some formula can switch
    on after γ_1, or evaluates, and then a logit.

    - ``base`` [column]: of the residual stream at ``:`` and biases, without attention;
    - ``weights`` [head clause]: exponential of a clause's score, over that of all constants;
    - ``values`` [head clause column], ``constants`` [head column]: what attention to a clause adds,
      and attention to the constants alone;
    - ``shares`` [head pos]: how the attention to constants is divided among them;
    - ``readout`` [neuron logit]; ``scores`` [head source source]: of block 0, where a source is a
      token, then a position;
    - ``mean_hidden`` [neuron], ``mean_direct`` [logit]: what γ_2 puts in besides the bits.
    """
    components, circuit = subject.components, subject.circuit
    reading = circuit.readings[main_reading(circuit)]
    tables, kept = _tables(components, circuit, reading)
    vocabulary = components.vocabulary
    return {
        "variables": subject.problem.n_variables,
        "length": subject.problem.n_clauses,
        "clauses": clause_literals(subject.problem).tolist(),
        "symbols": vocabulary.symbols,
        "satisfiable": vocabulary.satisfiable,
        "neurons": kept.tolist(),
        "evaluating": list(_evaluating(reading, kept)),
        "heads": [block.attn.n_heads for block in map(components.model.block, (0, 1))],
        "tables": {name: _packed(table) for name, table in tables.items()},
        "recorded": [_record(subject, each, kept) for each in recorded],
    }


def _tables(
    components: Components, circuit: Circuit, reading: Reading
) -> tuple[dict[str, Float[Tensor, "*shape"]], Int[Tensor, " kept"]]:
    model, layout = components.model, FormulaLayout(components.problem)
    block = model.block(1)
    w_in, w_u, w_out = (w.double() for w in (block.mlp.W_in, model.W_U, block.mlp.W_out))
    reads = torch.cat([w_in, w_u], dim=1)
    pairs = torch.from_numpy(clause_pairs(components.problem))
    constant = sorted(set(range(layout.n_ctx)) - set(layout.second_literal_positions))
    means = circuit.mean_resid_post.double()
    sources = torch.cat([circuit.prototypes[pairs].double(), means[constant]])
    answer, n_clauses = means[layout.answer_position], len(pairs)
    keys, outputs = sources @ block.attn.W_K.double(), block.attn.W_V.double()
    queries = answer @ block.attn.W_Q.double()
    scores = torch.einsum("hsd,hd->hs", keys, queries) / block.attn.d_head**0.5
    scores = scores - scores[:, n_clauses:].logsumexp(dim=1, keepdim=True)
    values = sources @ outputs @ block.attn.W_O.double() @ reads
    bias = torch.cat([block.mlp.b_in.double(), block.mlp.b_out.double() @ w_u])
    base = answer @ reads + bias
    # A head mixes its values, so that none of its sums exceeds the largest of them.
    most = (base + values.amax(dim=1).sum(dim=0))[: len(block.mlp.b_in)]
    is_kept = most > 0
    is_kept[reading.neurons] = True
    kept, silent = is_kept.nonzero().flatten(), (~is_kept).nonzero().flatten()
    columns = torch.cat([kept, torch.arange(w_in.shape[1], reads.shape[1])])
    weights, readout = scores.exp(), w_out @ w_u
    shares = torch.zeros(len(scores), layout.n_ctx, dtype=torch.float64)
    shares[:, constant] = weights[:, n_clauses:]
    hidden = circuit.mean_hidden.double()
    mean_direct = (circuit.mean_resid_mid.double() + block.mlp.b_out.double()) @ w_u
    return {
        "base": base[columns],
        "weights": weights[:, :n_clauses],
        "values": values[:, :n_clauses, columns],
        "constants": torch.einsum("hs,hsc->hc", weights[:, n_clauses:], values[:, n_clauses:])[
            :, columns
        ],
        "shares": shares,
        "readout": readout[kept],
        "scores": _block0_scores(components),
        "mean_hidden": hidden[kept],
        "mean_direct": mean_direct + hidden[silent] @ readout[silent],
    }, kept


def _block0_scores(components: Components) -> Float[Tensor, "head source source"]:
    model, attn = components.model, components.model.block(0).attn
    sources = torch.cat([model.W_E, model.W_pos]).double()
    queries, keys = sources @ attn.W_Q.double(), sources @ attn.W_K.double()
    return queries @ keys.transpose(1, 2) / attn.d_head**0.5


def _evaluating(reading: Reading, kept: Int[Tensor, " kept"]) -> Iterator[Mapping[str, Any]]:
    columns = {neuron: column for column, neuron in enumerate(kept.tolist())}
    disjunctions, trees = reading.disjunctions.to_json(), reading.trees.program.trees
    for index, neuron in enumerate(reading.neurons.tolist()):
        yield {
            "column": columns[neuron],
            "cut": float(reading.levels.cut[index]),
            "high": float(reading.levels.high[index]),
            "assignments": disjunctions[index],
            "tree": tree_to_json(trees[index]),
        }


def _record(subject: Subject, recorded: Recorded, kept: Int[Tensor, " kept"]) -> Mapping[str, Any]:
    """A formula with the network's own state: what is not in the kept neurons is ``direct``."""
    components, problem, circuit = subject.components, subject.problem, subject.circuit
    tokens = encode_formulas(problem, torch.tensor([recorded.clause_ids]))
    resid = components.parse(tokens)
    state = components.evaluate(resid)
    logits = components.answer_logits(state)[0]
    w_out = components.model.block(1).mlp.W_out[kept]
    direct = logits - state.hidden[0, kept] @ w_out @ components.model.W_U
    second = list(components.layout.second_literal_positions)
    read = nearest_prototype(resid[:, second], circuit.prototypes)[0].tolist()
    own = {
        "hidden": state.hidden[0, kept],
        "direct": direct,
        "attention": components.attend_from_answer(resid).pattern[0, :, 0],
    }
    return {
        "name": recorded.name,
        "clauses": list(recorded.clause_ids),
        "written": " & ".join(write_clause(problem, clause) for clause in recorded.clause_ids),
        "read": [write_pair(problem, pair) for pair in read],
        **{name: _packed(table) for name, table in own.items()},
    }


def _packed(table: Float[Tensor, "*shape"]) -> str:
    return b64encode(np.ascontiguousarray(table.numpy(), dtype="<f4").tobytes()).decode("ascii")
