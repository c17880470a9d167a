"""One sum through one network: what every part of it encodes, and what the claim says it does."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float64
from torch import Tensor

from mechval.axioms import Interpretation, Sides, examine_cells
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.tables import load_key_frequencies
from mechval.modular_addition.claim.assess import EQUIVALENCE, READING
from mechval.modular_addition.claim.program import WaveProgram
from mechval.modular_addition.claim.translations import Translations, fit_translations
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import Components, record_activations
from mechval.modular_addition.network.dataset import FILE_NAME, load_split
from mechval.modular_addition.network.model import WEIGHTS, load_network, make_network
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline.run import FinishedRun
from mechval.transformer import Transformer
from mechval.transformer.architecture import Architecture
from mechval.transformer.foreign import load_foreign_checkpoint

N_CANDIDATES = 5
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Explained:
    """A network with everything fitted to it, on the CPU."""

    problem: ModularAddition
    model: Transformer
    translations: Translations
    config: AxiomsConfig

    @property
    def interpretation(self) -> Interpretation:
        """The interpretation whose α_1 can fail, rounded as the run's config says."""
        config = self.config.model_copy(update={"equivalences": (EQUIVALENCE,)})
        components = Components(self.model)
        return make_interpretations(components, self.problem, self.translations, config, [READING])[
            0
        ]


@dataclass(frozen=True)
class Wave:
    """One number as an angle at one key frequency.

    Attributes:
        number: a, b or a + b.
        frequency: the wave number k.
        program: cos and sin of w_k times the number.
        network: the same two, read off the network by α.
    """

    number: str
    frequency: int
    program: tuple[float, float]
    network: tuple[float, float]

    @property
    def error(self) -> float:
        """The larger of the two differences."""
        return max(abs(p - n) for p, n in zip(self.program, self.network, strict=True))


@dataclass(frozen=True)
class Candidate:
    """One possible answer: the network's logit and the program's Σ_k cos(w_k(a + b - c))."""

    answer: int
    logit: float
    score: float


@dataclass(frozen=True)
class CellOutcome:
    """One distinct cell on this input.

    Attributes:
        axiom: its name in words.
        component: whose cell it is.
        disagrees: whether the two sides part ways.
        network: the network's side.
        interpreted: the side with the program in it.
        wrong: which side contradicts the sum: network, interpretation, both, or nothing where
            they agree or the sum does not tell.
    """

    axiom: str
    component: str
    disagrees: bool
    network: str
    interpreted: str
    wrong: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one sum.

    Attributes:
        tokens: what the network was given.
        right: a + b modulo p.
        answer: the network's.
        margin: of its logit over the next best.
        program_answer: the program's.
        program_margin: of its score over the next best.
        candidates: the network's best answers, best first.
    """

    tokens: tuple[str, ...]
    right: int
    answer: int
    margin: float
    program_answer: int
    program_margin: float
    interpretation: str
    waves: tuple[Wave, ...]
    candidates: tuple[Candidate, ...]
    cells: tuple[CellOutcome, ...]


def load_explained(run: FinishedRun, checkpoint: Path | None) -> Explained:
    """The network of a finished run, with its translations fitted again on its train inputs.

    Args:
        run: of this study.
        checkpoint: the published file, for a run of it whose weights are not in ``data/``.

    Raises:
        MechvalError: if something is missing or altered, or the checkpoint is another one.
    """
    values = run.manifest("axioms").config
    problem = ModularAddition.model_validate(values["problem"])
    architecture = Architecture.model_validate(values["architecture"])
    if checkpoint is not None:
        model = make_network(problem, architecture)
        load_foreign_checkpoint(model, run.checkpoint(checkpoint))
    else:
        model = load_network(problem, architecture, run.file("train", WEIGHTS))
    split = load_split(run.file("data", FILE_NAME).parent, problem)
    translations = fit_translations(
        model,
        problem,
        load_key_frequencies(run.file("circuit", "frequencies.csv").parent),
        record_activations(model, problem, _CPU),
        torch.from_numpy(split.train),
    )
    return Explained(problem, model, translations, AxiomsConfig.model_validate(values["axioms"]))


@torch.inference_mode()
def explain_sum(explained: Explained, a: int, b: int) -> Explanation:
    """Run one pair of numbers through the network and the program.

    Raises:
        MechvalError: if a number is not below the modulus.
    """
    problem = explained.problem
    for name, number in (("a", a), ("b", b)):
        if not 0 <= number < problem.p:
            raise MechvalError(
                f"{name}={number} is not allowed; allowed: an integer from 0 to {problem.p - 1}."
            )
    pair = torch.tensor([[a, b]])
    tokens = problem.tokens(pair)
    components = Components(explained.model)
    state = components.hidden(components.embed(tokens))
    logits = components.logits(state)[0, : problem.p].double()
    program = WaveProgram.of(problem.p, explained.translations.frequencies)
    total = program.add(program.look_up(tokens))
    scores = (total.flatten(1) @ program.table.flatten(1).T)[0]
    right = int(problem.answers(pair))
    return Explanation(
        tokens=(str(a), str(b), "="),
        right=right,
        answer=int(components.output(state)),
        margin=_margin(logits),
        program_answer=int(scores.argmax()),
        program_margin=_margin(scores),
        interpretation=explained.interpretation.name,
        waves=_waves(explained, components, tokens),
        candidates=tuple(
            Candidate(c, float(logits[c]), float(scores[c]))
            for c in logits.topk(min(N_CANDIDATES, problem.p)).indices.tolist()
        ),
        cells=tuple(
            _outcome(sides, right) for sides in examine_cells(explained.interpretation, tokens)
        ),
    )


def _margin(values: Float64[Tensor, " p"]) -> float:
    best, second = values.topk(2).values.tolist()
    return best - second


def _waves(explained: Explained, components: Components, tokens: Tensor) -> tuple[Wave, ...]:
    """a and b as the embedding holds them, their sum as the hidden layer does."""
    translations = explained.translations
    program = WaveProgram.of(explained.problem.p, translations.frequencies)
    embedded = components.embed(tokens)
    numbers, summed = program.look_up(tokens), program.add(program.look_up(tokens))
    read = translations.embedding(READING).alpha(embedded)
    read_sum = translations.sums.alpha(components.hidden(embedded))
    sides = (
        ("a", numbers[0, 0], read[0, 0]),
        ("b", numbers[0, 1], read[0, 1]),
        ("a + b", summed[0], read_sum[0]),
    )
    return tuple(
        Wave(name, int(k), (float(ours[0]), float(ours[1])), (float(theirs[0]), float(theirs[1])))
        for name, expected, found in sides
        for k, ours, theirs in zip(translations.frequencies, expected, found, strict=True)
    )


def _outcome(sides: Sides, right: int) -> CellOutcome:
    disagrees, n_apart = bool(sides.disagrees[0]), int(sides.distance[0])
    network, interpreted = sides.network[0], sides.program[0]
    wrong = ""
    if network.ndim == 0:
        texts = [str(int(answer)) for answer in (network, interpreted)]
        if disagrees:
            is_wrong = [int(answer) != right for answer in (network, interpreted)]
            names = ("network", "interpretation")
            wrong = "both" if all(is_wrong) else names[is_wrong.index(True)]
    else:
        texts = _widest(network, interpreted, n_apart) if disagrees else ["the same", "the same"]
    return CellOutcome(
        axiom=sides.key.axiom.value,
        component=sides.component,
        disagrees=disagrees,
        network=texts[0],
        interpreted=texts[1],
        wrong=wrong,
    )


def _widest(network: Tensor, interpreted: Tensor, n_apart: int) -> list[str]:
    place = int((network - interpreted).abs().argmax())
    found, expected = (float(state.flatten()[place]) for state in (network, interpreted))
    return [f"{n_apart} parts differ, the widest: {found:.3f}", f"{expected:.3f}"]
