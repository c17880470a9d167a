"""Modular addition: its claim, programs with one step changed, and the lookup that passes for any.

The claim is the paper's, α_1 a regression on all numbers. A mutant changes one frequency of the
program; α and γ stay those of the claim.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from mechval.axioms import Interpretation, Part, Variable
from mechval.axioms.lookup import LookupRow, lookup_claim, lookup_curve
from mechval.instruments.mutants import MutantRow, mutant_row
from mechval.instruments.organism import Organism
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.interpretation import ADD, EMBED, WaveProgram, make_interpretations
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.single.explain import Explained

CLAIM = "modular addition"
LOOKUP = "modular addition, lookup of another wave"
_OFF_BY_ONE = "frequency off by one"
_DROPPED = "frequency left out of the answer"
_SUM_DECIMALS, _LOOKED_UP = 1, 1024
Columns = tuple[Callable[[Tensor], Tensor], ...]


@dataclass(frozen=True)
class Mutator:
    """One operator: what it makes of the program's three steps, given the number of a frequency."""

    p: int
    selection: Selection
    program: WaveProgram

    def off_by_one(self, place: int) -> Columns:
        """Another frequency in all steps, so that its answers stay right."""
        held = self.selection.held.clone()
        held[place] += 1
        return _steps(replace(self.program, table=waves(self.p, held)))

    def sign_swapped(self, place: int) -> Columns:
        """The waves of a − b instead of those of a + b."""
        look_up, add, answer = _steps(self.program)
        return look_up, lambda numbers: add(_conjugated(numbers, place)), answer

    def zeroed(self, place: int) -> Columns:
        """Nothing is looked up."""
        look_up, add, answer = _steps(self.program)
        return lambda tokens: _zeroed(look_up(tokens), place), add, answer

    def left_out(self, place: int) -> Columns:
        """Looked up and added, but without weight in the answer."""
        look_up, add, _ = _steps(self.program)
        weights = self.program.weights.clone()
        weights[place] = 0
        return look_up, add, replace(self.program, weights=weights).best_residue

    @property
    def operators(self) -> Mapping[str, Callable[[int], Columns]]:
        return {
            _OFF_BY_ONE: self.off_by_one,
            "sign of a sine swapped": self.sign_swapped,
            "frequency zeroed": self.zeroed,
            _DROPPED: self.left_out,
        }


def base_claim(explained: Explained) -> Interpretation:
    """The paper's claim: waves by regression on all numbers, rounded; sums by what they lead to."""
    config = explained.config.model_copy(update={"equivalences": ("downstream",)})
    components = Components(explained.model)
    return make_interpretations(
        components, explained.problem, explained.translations, config, ("all_tokens",)
    )[0]


def wave_claims(explained: Explained, n_inputs: int, seed: int) -> Iterator[Organism]:
    """The claim, one mutant by each operator, and a lookup of a mutant with right answers.

    Inputs are drawn from all, with replacement; the table of the lookup holds them all.
    """
    problem, claim = explained.problem, base_claim(explained)
    everything = problem.tokens(problem.all_pairs())
    generator = torch.Generator().manual_seed(seed)
    drawn = everything[torch.randint(len(everything), (n_inputs,), generator=generator)]
    right = _organism(CLAIM, "as trained / the waves of a and b, those of a + b", claim, drawn)
    yield right
    mutator = _mutator(explained)
    for name, operator in mutator.operators.items():
        is_same = name == _DROPPED
        title = f"modular addition, {name}{' (the same)' if is_same else ''}"
        yield replace(
            right,
            name=title,
            told=f"as trained / the waves, {name}",
            is_sound=None if is_same else False,
            control=CLAIM,
            claim=replace(claim, abstract=operator(0)),
        )
    other = replace(claim, abstract=mutator.off_by_one(0))
    yield replace(
        right,
        name=LOOKUP,
        told=f"as trained / the waves, {_OFF_BY_ONE}, by a table of every input",
        is_sound=False,
        control=CLAIM,
        claim=lookup_claim(other, everything),
        inputs=drawn[:_LOOKED_UP],
    )


def count_wave_mutants(explained: Explained) -> Iterator[MutantRow]:
    """Every mutant by every operator, one for each frequency that is added, on every input.

    Waves of numbers differ if they do so as the claim rounds them, sums by one decimal.
    """
    problem, mutator = explained.problem, _mutator(explained)
    tokens = problem.tokens(problem.all_pairs())
    own = _run(_steps(mutator.program), tokens)
    for name, operator in mutator.operators.items():
        found = []
        for place in range(len(mutator.selection.added)):
            differs = [a != b for a, b in zip(own, _run(operator(place), tokens), strict=True)]
            states = torch.cat([each.reshape(len(tokens), -1) for each in differs], dim=1).any(1)
            found.append((_share(states), _share(differs[-1])))
        yield mutant_row(f"modular addition: {name}", found)


def lookups(explained: Explained, sizes: tuple[int, ...], seed: int) -> Iterator[LookupRow]:
    """The lookup of the claim itself, on the half of all inputs that no table holds."""
    problem = explained.problem
    order = torch.randperm(problem.n_pairs, generator=torch.Generator().manual_seed(seed))
    tokens, half = problem.tokens(problem.pairs(order)), problem.n_pairs // 2
    return lookup_curve(
        base_claim(explained),
        tokens[:half],
        tokens[half:],
        sizes=(*sizes, half),
        input_bits=math.log2(problem.n_pairs),
    )


def _organism(
    name: str, told: str, claim: Interpretation, inputs: Int[Tensor, "input pos"]
) -> Organism:
    variables = [
        Variable(
            EMBED,
            Part(f"waves of {number}", index=place),
            Part(f"embedding of {number}", index=place),
        )
        for place, number in enumerate("ab")
    ]
    total = Variable(ADD, Part("waves of a + b"), Part("hidden layer", output="hidden"))
    return Organism(
        name=name,
        told=told,
        is_sound=True,
        claim=claim,
        variables=[*variables, total],
        inputs=inputs,
    )


def _mutator(explained: Explained) -> Mutator:
    p, selection = explained.problem.p, explained.translations.selection
    decimals = explained.config.embedding_decimals
    return Mutator(p, selection, WaveProgram.of(p, selection, decimals))


def _steps(program: WaveProgram) -> Columns:
    return program.look_up, program.add, program.best_residue


def _run(steps: Columns, tokens: Int[Tensor, "input pos"]) -> list[Tensor]:
    found = [steps[0](tokens)]
    for step in steps[1:]:
        found.append(step(found[-1]))
    found[1] = found[1].round(decimals=_SUM_DECIMALS)
    return found


def _conjugated(
    numbers: Float64[Tensor, "batch 2 frequency 2"], place: int
) -> Float64[Tensor, "batch 2 frequency 2"]:
    changed = numbers.clone()
    changed[:, 1, place, 1] *= -1
    return changed


def _zeroed(
    numbers: Float64[Tensor, "batch 2 frequency 2"], place: int
) -> Float64[Tensor, "batch 2 frequency 2"]:
    changed = numbers.clone()
    changed[:, :, place] = 0
    return changed


def _share(differs: Bool[Tensor, " input"]) -> float:
    return float(differs.double().mean())
