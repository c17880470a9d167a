"""Two RASP programs that Tracr compiled: reversing a sequence and sorting it.

The networks are `compile_rasp`'s. What they compute is known, so that every ε is 0; α and γ follow
from the compiler's labels. A state has all variables at all positions, `NONE` where not yet there.
"""

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from experiments.gallery.compiled_network import NONE, Compiled, Translation
from mechval import axioms as mv

LENGTH, START, PAD = 4, 3, 4  # the tokens 0, 1 and 2 are the symbols 1, 2 and 3
INPUTS = torch.tensor(
    [
        (START, *symbols, *[PAD] * (LENGTH - n))
        for n in range(1, LENGTH + 1)
        for symbols in itertools.product(range(3), repeat=n)
    ]
)
PROGRAMS = {  # by variable, in the order of the network's blocks
    "reverse": {
        "length": lambda of: (of["tokens"] != NONE).sum(dim=1, keepdim=True),
        "opp_idx": lambda of: of["length"] - of["indices"],
        "opp_idx-1": lambda of: of["opp_idx"] - 1,
        "reverse": lambda of: of["tokens"].gather(1, of["opp_idx-1"].long() % LENGTH),
    },
    "sort": {
        "sequence_map": lambda of: of["tokens"] + of["indices"] / LENGTH,  # no two are equal
        "target_pos": lambda of: (of["sequence_map"][:, None] < of["sequence_map"][:, :, None]).sum(
            dim=2
        ),
        "sort": lambda of: of["tokens"].gather(1, of["target_pos"].argsort(dim=1)),
    },
}


def differing(network: dict[str, Tensor], program: dict[str, Tensor]) -> Tensor:
    return torch.stack([mv.n_differing(network[name], program[name]) for name in network]).sum(0)


def interpret(name: str, program: Mapping[str, mv.Map]) -> mv.Interpretation:
    model = Compiled(Path(__file__).with_name(f"{name}.safetensors"))
    translation, last = Translation(model.labels), list(program)[-1]
    network = mv.CutNetwork(
        model,
        [f"blocks.{number}" for number in range(len(program) - 1)],
        example=INPUTS[:1],
        read_label=lambda resid: translation.read(resid)[last].long(),
    )

    def start(tokens: Tensor) -> dict[str, Tensor]:
        state = {each: torch.full((len(tokens), LENGTH), NONE) for each in translation.variables}
        symbols = torch.where(tokens[:, 1:] == PAD, NONE, tokens[:, 1:] + 1.0)
        indices = torch.where(symbols == NONE, NONE, torch.arange(float(LENGTH)))
        return {**state, "tokens": symbols, "indices": indices}

    def compute(variable: str, state: dict[str, Tensor] | Tensor) -> dict[str, Tensor] | Tensor:
        given = start(state) if isinstance(state, Tensor) else state
        made = torch.where(given["tokens"] == NONE, NONE, program[variable](given))
        return made.long() if variable == last else {**given, variable: made}

    n_inner, n_parts = len(program) - 1, LENGTH * len(translation.variables)
    values = mv.Equivalence("all variables", differing, n_parts=n_parts)
    return mv.Interpretation(
        name=name,
        components=tuple(program),
        concrete=network.components,
        abstract=tuple(partial(compute, variable) for variable in program),
        alphas=(mv.identity, *[translation.read] * n_inner, mv.identity),
        gammas=(mv.identity, *[translation.write] * n_inner, mv.identity),
        equivalences=(mv.exact_labels, *[values] * n_inner, mv.sequences(LENGTH)),
    )


def reverse() -> mv.Question:
    return mv.Question(interpret("reverse", PROGRAMS["reverse"]), INPUTS, domain_size=len(INPUTS))


def sort() -> mv.Question:
    return mv.Question(interpret("sort", PROGRAMS["sort"]), INPUTS, domain_size=len(INPUTS))
