"""One sum through one network: what every part of it encodes, and what the claim says it does."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float64
from torch import Tensor

from mechval.axioms import Axiom, Sides, examine_cells
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import FREQUENCIES
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.claim.assess import EQUIVALENCE, READING
from mechval.modular_addition.claim.translations import NO_CLAIM, Translations, fit_translations
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import WaveProgram, make_interpretations
from mechval.modular_addition.network.components import Components, record_activations
from mechval.modular_addition.network.dataset import FILE_NAME, load_split
from mechval.modular_addition.network.model import make_network
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline.run import FinishedRun
from mechval.transformer import Transformer
from mechval.transformer.finished import load_finished

N_CANDIDATES = 5


@dataclass(frozen=True)
class Explained:
    """A network with everything fitted to it, on the CPU."""

    problem: ModularAddition
    model: Transformer
    translations: Translations
    config: AxiomsConfig


@dataclass(frozen=True)
class Wave:
    """Cosine and sine of 2πk/p times a, b or a + b: the program's, and read off by α."""

    number: str
    frequency: int
    program: tuple[float, ...]
    network: tuple[float, ...]


@dataclass(frozen=True)
class Candidate:
    """One possible answer: the network's logit and the program's score (h_3)."""

    answer: int
    logit: float
    score: float


@dataclass(frozen=True)
class CellOutcome:
    """Both sides of one distinct cell on this input, ``program`` the one with the program in it.

    ``wrong`` is which side contradicts the sum: network, interpretation, both, or nothing where
    they agree or the sum does not tell.
    """

    axiom: Axiom
    component: str
    disagrees: bool
    network: str
    program: str
    wrong: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one sum, of which ``right`` is a + b modulo p.

    A margin is the answer's logit (the program's score) over the next best; ``candidates`` are the
    network's best answers, best first.
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

    Raises MechvalError as :func:`load_finished`, which says what ``checkpoint`` is.
    """
    values = run.manifest("axioms").config
    problem = ModularAddition.model_validate(values["problem"])
    model = load_finished(run, partial(make_network, problem), checkpoint)
    split = load_split(run.file("data", FILE_NAME).parent, problem)
    config = AxiomsConfig.model_validate(values["axioms"])
    found = FREQUENCIES.read(run.file("circuit", "frequencies.csv").parent)
    selections = select_waves(problem.p, found)
    if not selections:
        raise MechvalError(NO_CLAIM)
    activations = record_activations(model, problem)
    translations = fit_translations(model, problem, selections[0], activations, split.train)
    return Explained(problem, model, translations, config)


@torch.inference_mode()
def explain_sum(explained: Explained, a: int, b: int) -> Explanation:
    """Run one pair of numbers through the network and the program.

    The cells are those of the interpretation whose α_1 can fail, rounded as the run's config says.
    Raises MechvalError if a number is not below the modulus.
    """
    problem, translations = explained.problem, explained.translations
    for name, number in (("a", a), ("b", b)):
        if not 0 <= number < problem.p:
            raise MechvalError(
                f"{name}={number} is not allowed; allowed: an integer from 0 to {problem.p - 1}."
            )
    pair = torch.tensor([[a, b]])
    tokens, right = problem.tokens(pair), int(problem.answers(pair))
    components = Components(explained.model)
    embedded = components.embed(tokens)
    state = components.hidden(embedded)
    logits = components.logits(state)[0, : problem.p].double()
    selection = translations.selection
    program = WaveProgram.of(problem.p, selection)
    numbers = program.look_up(tokens)
    total = program.add(numbers)
    scores = program.scores(total)[0]
    read = translations.alpha_1(embedded, READING)[0]
    sides = {
        "a": (selection.held, numbers[0, 0], read[0]),
        "b": (selection.held, numbers[0, 1], read[1]),
        "a + b": (selection.added, total[0], translations.alpha_2(state, READING)[0]),
    }
    config = explained.config.model_copy(update={"equivalences": (EQUIVALENCE,)})
    claim = make_interpretations(components, problem, translations, config, [READING])[0]
    return Explanation(
        tokens=(str(a), str(b), "="),
        right=right,
        answer=int(components.output(state)),
        margin=_margin(logits),
        program_answer=int(scores.argmax()),
        program_margin=_margin(scores),
        interpretation=claim.name,
        waves=tuple(
            Wave(name, int(k), tuple(ours.tolist()), tuple(theirs.tolist()))
            for name, parts in sides.items()
            for k, ours, theirs in zip(*parts, strict=True)
        ),
        candidates=tuple(
            Candidate(c, float(logits[c]), float(scores[c]))
            for c in logits.topk(min(N_CANDIDATES, problem.p)).indices.tolist()
        ),
        cells=tuple(_outcome(cell, right) for cell in examine_cells(claim, tokens)),
    )


def _margin(values: Float64[Tensor, " p"]) -> float:
    best, second = values.topk(2).values.tolist()
    return best - second


def _outcome(sides: Sides, right: int) -> CellOutcome:
    disagrees, wrong = bool(sides.disagrees[0]), ""
    network, program = sides.network[0], sides.program[0]
    if network.ndim == 0:
        texts = [str(int(answer)) for answer in (network, program)]
        blamed = ("network", "interpretation")
        who = [name for name, text in zip(blamed, texts, strict=True) if int(text) != right]
        wrong = ("both" if len(who) > 1 else who[0]) if disagrees else ""
    elif disagrees:
        place = int((network - program).abs().argmax())
        found, expected = (float(state.flatten()[place]) for state in (network, program))
        texts = [f"{int(sides.distance[0])} parts differ, the widest: {found:.3f}"]
        texts.append(f"{expected:.3f}")
    else:
        texts = ["the same", "the same"]
    return CellOutcome(sides.key.axiom, sides.component, disagrees, texts[0], texts[1], wrong)
