"""An induction circuit: what the textbook says of it is refuted, a narrower claim stands.

N. Nanda's checkpoint ``induction-head-infinite``: two blocks of attention see a start token and
three chunks of 28 tokens, in which the same 16 tokens stand somewhere. By the textbook a head of
block 0 tells every position which token came before it, and heads of block 1 attend where that is
the token they stand on. That is claimed here of head 2 and of heads 1 to 3, at one query.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.gallery.published import Published
from mechval import axioms as mv

PATH = Path(__file__).parents[3] / "shared/checkpoints/nanda2023-induction-head-infinite.pth"
CHUNK, SHARED, QUERY = 28, 16, 70
CLAIMS = {"everywhere": QUERY, "first chunk": CHUNK - 1}  # the last position that is told
TOKENS = mv.Cut("hook_resid_pre", index=...)


def draw(n: int, seed: int) -> Tensor:
    """Inputs; the query stands on one of the shared tokens, but not on the last of them."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, 128, (n, 3 * CHUNK), generator=generator)
    shared = torch.randint(1, 128, (n, SHARED), generator=generator)
    for chunk in range(3):
        start = torch.randint(CHUNK - SHARED + 1, (n, 1), generator=generator) + CHUNK * chunk
        tokens.scatter_(1, start + torch.arange(SHARED), shared)
    return torch.nn.functional.pad(tokens, (1, 0))


def interpret(model: Published, name: str) -> mv.Interpretation:
    told, length = torch.arange(2, CLAIMS[name] + 1), len(model.W_pos)
    previous = mv.Cut("blocks.0.hook_pattern", index=np.s_[2, 2 : CLAIMS[name] + 1])
    induction = mv.Cut("blocks.1.hook_pattern", index=np.s_[1:4, QUERY])
    cuts = ((TOKENS, previous), (TOKENS, induction))
    network = mv.CutNetwork(model, cuts, example=draw(1, seed=0), read_label=answer)
    network.verify(draw(16, seed=0))

    def read(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # α: embedded tokens, attention
        scores = (part[0] - model.W_pos) @ model.W_E.T - model.W_E.square().sum(dim=1) / 2
        return scores.argmax(dim=-1), part[1].argmax(dim=-1)

    def write(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # γ: all attention on one
        return model.W_E[state[0]] + model.W_pos, torch.eye(length)[state[1]]

    def see_previous(tokens: Tensor) -> tuple[Tensor, Tensor]:  # h_1
        return tokens, (told - 1).expand(len(tokens), -1)

    def match(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # h_2: the last match, or 0
        is_match = state[0].gather(1, state[1]) == state[0][:, [QUERY]]
        return state[0], (is_match * told).amax(dim=1, keepdim=True).expand(-1, 3)

    def copy(state: tuple[Tensor, Tensor]) -> Tensor:  # h_3
        return state[0].gather(1, state[1])[:, 0]

    attended = mv.Equivalence("attended", lambda a, b: mv.n_differing(a[1], b[1]))
    return mv.Interpretation(
        name=name,
        components=("see previous", "match", "copy"),
        concrete=network.components,
        abstract=(see_previous, match, copy),
        alphas=(mv.identity, read, read, mv.identity),
        gammas=(mv.identity, write, write, mv.identity),
        equivalences=(mv.exact_labels, attended, attended, mv.exact_labels),
    )


def answer(logits: Tensor) -> Tensor:
    return logits[:, QUERY].argmax(dim=-1)


def question() -> mv.Question:
    return mv.Question(interpret(Published(PATH), "first chunk"), draw(1000, seed=1))
