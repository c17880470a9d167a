"""O3: a network trained to pass the axioms while the claimed neurons decide nothing.

Block 1's MLP of an honest 2-SAT network is trained on. The claimed neurons keep what they read;
idle ones and everything that is written may change. Asked for is the right answer, the right answer
from every state that γ writes, and that exchanging a claimed neuron leaves the answer as it is.
Nothing forbids that: behind γ idle neurons stand at their mean, which no formula brings about.
"""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from mechval import tables
from mechval.axioms import Estimate, InterchangeCell
from mechval.axioms.statistics import CONFIDENCE
from mechval.files import write_whole
from mechval.instruments.columns import read_axioms, read_interchange
from mechval.instruments.organism import Organism
from mechval.instruments.planted import CONTROL, claimed_reading, honest, remade
from mechval.instruments.trained import load_trained
from mechval.instruments.two_sat import answer_scores, draw_tokens
from mechval.progress import track
from mechval.transformer.model import MLP
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.single.subject import Subject

WEIGHTS = "evading.safetensors"
NAME = "O3 trained against the axioms"
_TRAIN_SEED, _COPIES, _EVALUATED = 3, 4, 8192
_MEAN = "mean_hidden"
MOST_FOLLOWED = 0.1
"""Of informative pairs, for a claim to count as evaded."""


@dataclass(frozen=True)
class Attempt:
    """How one training is done; ``gamma`` and ``evade`` weigh what γ writes and what is exchanged,
    ``late`` is the share of steps after which nothing is exchanged yet."""

    seed: int
    steps: int
    formulas: int = 8192
    batch: int = 256
    rate: float = 1e-3
    gamma: float = 1.0
    evade: float = 1.0
    late: float = 0.0


ATTEMPTS = (
    Attempt(0, steps=4000),
    Attempt(1, steps=2000, gamma=0.3, evade=0.1),
    Attempt(0, steps=4000, batch=512, gamma=0.3, evade=0.1),
    Attempt(0, steps=5000, formulas=65536, batch=512),
    Attempt(0, steps=4000, formulas=131072, batch=512, gamma=0.5, evade=0.5),
    Attempt(0, steps=4000, formulas=131072, batch=512, gamma=0.5, evade=1.0),
    Attempt(0, steps=4000, formulas=131072, batch=512, gamma=0.5, evade=0.7),
)


@dataclass(frozen=True, kw_only=True)
class AttemptRow:
    """What one training came to, beside the honest network.

    Attributes:
        wrong: of n formulas that training has not seen, other answers than the honest network's.
        epsilon: largest of the four axioms, by the bound of each cell (95 %); ``honest`` is that of
            the network it started from.
        informative: pairs in which one claimed neuron is exchanged and the program's answer
            changes, of all neurons; ``followed`` is on how many the network's answer does so too.
        seconds: of this machine, never compared; None if they were not taken.
        is_kept: whether it is the organism.
    """

    attempt: int = tables.told()
    seed: int = tables.told()
    steps: int = tables.told()
    formulas: int = tables.told("formulas trained on")
    batch: int = tables.told()
    rate: float = tables.told("learning rate")
    gamma: float = tables.told("weight of γ")
    evade: float = tables.told("weight of exchange")
    n: int = tables.told("N")
    wrong: int = tables.count("wrong answers")
    epsilon: float = tables.rate("largest ε, axioms")
    honest: float = tables.rate("of the honest network")
    informative: int = tables.told("informative pairs")
    followed: float = tables.rate("interchange accuracy on them")
    seconds: float | None = tables.number(unit="s")
    is_kept: bool = tables.told("kept")

    @property
    def is_evading(self) -> bool:
        """Whether both aims are reached."""
        return self.epsilon <= 2 * self.honest and self.followed < MOST_FOLLOWED


ATTEMPTED = tables.Table("organisms/evading.csv", AttemptRow)


@dataclass(frozen=True)
class _Facts:
    """States behind block 1's attention that are trained on, and what is wanted of each."""

    resid_mid: Float[Tensor, "formula d_model"]
    bits: Bool[Tensor, "formula neuron"]
    labels: Int[Tensor, " formula"]
    neurons: Int[Tensor, " neuron"]
    high: Float[Tensor, " neuron"]


def known_attempts(folder: Path) -> tuple[AttemptRow, ...]:
    """Those that were made, if the network of the best of them is there."""
    known = ATTEMPTED.path(folder)
    return ATTEMPTED.read(folder) if known.is_file() and (folder / WEIGHTS).is_file() else ()


def train_all(subject: Subject, claim: str, folder: Path, n_formulas: int) -> AttemptRow:
    """Every attempt that was not made yet, measured; the network of the best lies in one file.

    The best has the fewest informative pairs followed among those whose ε is at most twice that of
    the honest network, or else the least ε. Returns its row.
    """
    tokens = draw_tokens(subject.problem, n_formulas, _TRAIN_SEED + 1)
    base = _largest_epsilon(honest("honest", subject, claim, tokens))
    rows = [*known_attempts(folder)]
    for number in range(len(rows), len(ATTEMPTS)):
        attempt, start = ATTEMPTS[number], time.perf_counter()
        found = train(subject, claim, attempt)
        seconds = time.perf_counter() - start
        organism = evading(subject, claim, tokens, found)
        rows.append(_measured(number, attempt, organism, subject, base, seconds))
        best = min(rows, key=_rank).attempt
        if best == number:
            write_whole(folder / WEIGHTS, save(found))
        rows = [replace(row, is_kept=row.attempt == best) for row in rows]
        ATTEMPTED.write(rows, folder)
    return next(row for row in rows if row.is_kept)


def _rank(row: AttemptRow) -> tuple[float, float]:
    # rows of before come from a table, which rounds
    return round(max(row.epsilon, 2 * row.honest), 6), row.followed


def load_evading(folder: Path) -> dict[str, Tensor]:
    """What `train` gave; raises MechvalError if the file is missing or damaged."""
    return load_trained(folder / WEIGHTS)


def evading(
    subject: Subject,
    claim: str,
    tokens: Int[Tensor, "formula pos"],
    trained: Mapping[str, Tensor],
) -> Organism:
    """The claim of the honest network about what was trained from it."""
    model = copy.deepcopy(subject.components.model)
    with torch.no_grad():
        for name, weight in model.block(1).mlp.named_parameters():
            weight.copy_(trained[name])
    circuit = replace(subject.circuit, mean_hidden=trained[_MEAN])
    made = honest(NAME, remade(subject, model, circuit), claim, tokens)
    told = "answers by other neurons, but obeys what γ writes / the claimed neurons answer"
    return replace(made, told=told, is_sound=False, control=CONTROL)


def train(subject: Subject, claim: str, attempt: Attempt) -> dict[str, Tensor]:
    """One attempt, from the honest network with idle neurons made copies of the claimed ones.

    Returns the weights of block 1's MLP and what its neurons have on average, measured anew as for
    any network.
    """
    generator = torch.Generator().manual_seed(attempt.seed)
    facts = _facts(subject, claim, attempt.formulas)
    model = copy.deepcopy(subject.components.model)
    mlp = model.block(1).mlp
    idle = _start(mlp, facts.neurons, generator)
    components = Components(model, subject.problem)
    trained = [mlp.W_in, mlp.b_in, mlp.W_out, mlp.b_out]
    optimiser = torch.optim.Adam(trained, lr=attempt.rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, attempt.steps)
    for step in track(range(attempt.steps), "training against the axioms"):
        rows = torch.randint(len(facts.labels), (attempt.batch,), generator=generator)
        evade = attempt.evade if step >= attempt.late * attempt.steps else 0.0
        loss = _loss(components, facts, rows, generator, attempt.gamma, evade)
        optimiser.zero_grad()
        loss.backward()
        # What the claimed neurons read stays as it is.
        for weights in (mlp.W_in, mlp.b_in):
            assert weights.grad is not None
            weights.grad *= idle
        optimiser.step()
        schedule.step()
    found = {name: weight.detach() for name, weight in mlp.named_parameters()}
    with torch.no_grad():
        mean = mlp.hidden(facts.resid_mid).double().mean(dim=0).float()
    return {**found, _MEAN: mean}


def _start(
    mlp: MLP, neurons: Int[Tensor, " neuron"], generator: torch.Generator
) -> Bool[Tensor, " d_mlp"]:
    """Copies read with a little noise and write as much as the claimed neurons do."""
    idle = (mlp.W_out == 0).all(dim=1)
    copies = idle.nonzero().flatten()[: _COPIES * len(neurons)]
    sources = neurons.repeat(_COPIES)[: len(copies)]
    with torch.no_grad():
        noise = torch.randn(len(mlp.W_in), len(copies), generator=generator)
        scale = mlp.W_in[:, sources].std(dim=0)
        first = torch.arange(len(copies)) < len(neurons)
        mlp.W_in[:, copies] = mlp.W_in[:, sources] + 0.1 * scale * noise * ~first
        mlp.b_in[copies] = mlp.b_in[sources]
        mlp.W_out[copies] = mlp.W_out[sources] * first[:, None]
    return idle


@torch.no_grad()
def _facts(subject: Subject, claim: str, n_formulas: int) -> _Facts:
    components, base = subject.components, subject.interpretations[claim]
    tokens = draw_tokens(subject.problem, n_formulas, _TRAIN_SEED)
    found = [
        (state.resid_mid, base.alphas[2](state), components.output(state))
        for some in tokens.split(_EVALUATED)
        for state in [components.evaluate(components.parse(some))]
    ]
    resid_mid, bits, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
    reading = claimed_reading(subject, claim)
    return _Facts(resid_mid, bits, labels, reading.neurons, reading.levels.high)


def _loss(
    components: Components,
    facts: _Facts,
    rows: Int[Tensor, " sample"],
    generator: torch.Generator,
    gamma: float,
    evade: float,
) -> Float[Tensor, ""]:
    """Answers of the network by itself, behind γ and with one claimed neuron exchanged."""
    resid_mid, labels, bits = facts.resid_mid[rows], facts.labels[rows], facts.bits[rows]
    hidden = components.model.block(1).mlp.hidden(resid_mid)
    written = hidden.mean(dim=0).expand(len(rows), -1).clone()
    written[:, facts.neurons] = bits * facts.high
    behind = AnswerState(written, facts.resid_mid.mean(dim=0).expand(len(rows), -1))
    loss = _answering(components, AnswerState(hidden, resid_mid), labels)
    loss = loss + gamma * _answering(components, behind, labels)
    if not evade:
        return loss
    base, neuron, source = _informative(bits, generator)
    exchanged = hidden[base].clone()
    place = facts.neurons[neuron]
    exchanged[torch.arange(len(base)), place] = hidden[source, place]
    kept = AnswerState(exchanged, resid_mid[base])
    return loss + evade * _answering(components, kept, labels[base])


def _informative(
    bits: Bool[Tensor, "sample neuron"], generator: torch.Generator
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """For each base another sample and a neuron whose exchange changes whether any bit is on."""
    source = torch.randperm(len(bits), generator=generator)
    others = bits.sum(dim=1, keepdim=True) - bits.long()
    changes = (bits != bits[source]) & (others == 0)
    base = changes.any(dim=1).nonzero().flatten()
    neuron = torch.multinomial(changes[base].float(), 1, generator=generator)[:, 0]
    return base, neuron, source[base]


def _answering(
    components: Components, state: AnswerState, labels: Int[Tensor, " sample"]
) -> Float[Tensor, ""]:
    """Cross-entropy of *satisfiable* against the best of all other tokens."""
    return functional.cross_entropy(answer_scores(components, 2, state), labels)


def _measured(
    number: int,
    attempt: Attempt,
    organism: Organism,
    subject: Subject,
    base: float,
    seconds: float | None,
) -> AttemptRow:
    claim = organism.claim
    own, other = (
        made.run_after(0, organism.inputs) for made in (claim, subject.interpretations[claim.name])
    )
    n_bits = sum(each.component == EVALUATE for each in organism.variables)
    bits = read_interchange(organism)[InterchangeCell.NATIVE.value].cells[-n_bits:]
    n = sum(cell.n for cell in bits)
    return AttemptRow(
        attempt=number,
        seed=attempt.seed,
        steps=attempt.steps,
        formulas=attempt.formulas,
        batch=attempt.batch,
        rate=attempt.rate,
        gamma=attempt.gamma,
        evade=attempt.evade,
        n=len(own),
        wrong=int((own != other).sum()),
        epsilon=_largest_epsilon(organism),
        honest=base,
        informative=n,
        followed=1 - sum(cell.disagreements for cell in bits) / n,
        seconds=seconds,
        is_kept=False,
    )


def _largest_epsilon(organism: Organism) -> float:
    return max(
        Estimate.of(cell.disagreements, cell.n, CONFIDENCE).epsilon
        for reading in read_axioms(organism).values()
        for cell in reading.cells
    )
