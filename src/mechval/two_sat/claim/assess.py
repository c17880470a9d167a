"""Circuit and axioms of any network in one call; where the rules find no circuit, it says why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from mechval import tables
from mechval.axioms import AxiomReport, Batch, evaluate_axioms
from mechval.axioms.progress import Validation
from mechval.errors import MechvalError
from mechval.transformer import answer_logits
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.configs import AxiomsConfig, CircuitConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.interpretation import interpretation_tags, make_interpretations
from mechval.two_sat.network.answer import answers, right_answers
from mechval.two_sat.network.components import Components

CLASSES = ("UNSAT", "SAT")


@dataclass(frozen=True)
class Question:
    """What is asked of every network: the rules of its interpretations and how they are judged.
    ``natural_share`` is the share of satisfiable formulas among independent draws, for the
    reweighted ε."""

    circuit: CircuitConfig
    axioms: AxiomsConfig
    natural_share: float

    def names(self, reading: ReadingName) -> list[str]:
        """The interpretations that use a reading."""
        tags = interpretation_tags((reading,), self.axioms.versions, self.axioms.residuals)
        return ["/".join(each.values()) for each in tags]


@dataclass(frozen=True, kw_only=True)
class NeuronCounts:
    """How many neurons a reading reads, and how many it refuses (None without a circuit)."""

    evaluating: int = tables.told("evaluating neurons")
    constant: int | None = tables.told("constant neurons")


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What is told of every network: of its answer token on n test formulas, and per reading."""

    n: int = tables.told("N")
    loss: float = tables.number("cross-entropy", unit="nats")
    accuracy: float = tables.rate("accuracy")
    neurons: Mapping[str, NeuronCounts] = tables.told()


def assess_network(
    components: Components, fit: Split, test: Split, *, question: Question, seed: int
) -> Validation[NetworkFacts]:
    """Extract the circuit of a network on ``fit`` and measure the axioms on ``test``. Nothing that
    the rules refuse raises: the interpretations of a reading without a changing bit are listed with
    the reason."""
    loss, n_right = _answer_quality(components, test)
    readings, circuit, why_none = question.circuit.readings, None, ""
    reports: list[AxiomReport] = []
    try:
        circuit = extract_circuit(components, fit, config=question.circuit, seed=seed)
    except MechvalError as refusal:
        why_none = str(refusal)
    else:
        reports = validate(components, circuit, test, question)
    return Validation(
        reports=tuple(reports),
        refusals={
            name: _why_left_out(circuit, reading, question.circuit) if circuit else why_none
            for reading in readings
            if circuit is None or reading not in circuit.readings
            for name in question.names(reading)
        },
        facts=NetworkFacts(
            n=len(test),
            loss=loss,
            accuracy=n_right / len(test),
            neurons={name: _neuron_counts(circuit, name) for name in readings},
        ),
    )


def _why_left_out(circuit: Circuit, reading: ReadingName, config: CircuitConfig) -> str:
    n_selected = len(circuit.effects.evaluating(reading, config))
    return f"the {reading} rules select {n_selected} neurons, none with a bit that changes"


def _neuron_counts(circuit: Circuit | None, name: ReadingName) -> NeuronCounts:
    reading = circuit.readings.get(name) if circuit else None
    if reading is None:
        return NeuronCounts(evaluating=0, constant=None)
    return NeuronCounts(evaluating=len(reading.neurons), constant=len(reading.constant_neurons))


def validate(
    components: Components, circuit: Circuit, test: Split, question: Question
) -> list[AxiomReport]:
    """Run the axiom suite on ``test`` for every interpretation that the question names."""
    asked = question.axioms
    return evaluate_axioms(
        make_interpretations(components, circuit, asked.versions, asked.residuals),
        axiom_batches(components, test),
        strata_names=CLASSES,
        mixtures=mixtures(question.natural_share),
        confidence=asked.confidence,
        constant_label=circuit.majority_label,
    )


def mixtures(natural_share: float) -> dict[str, dict[str, float]]:
    """Weights of the classes: equal, and as among independent draws, of which ``natural_share`` are
    satisfiable."""
    unsatisfiable, satisfiable = CLASSES
    return {
        "balanced": {unsatisfiable: 0.5, satisfiable: 0.5},
        "natural": {unsatisfiable: 1 - natural_share, satisfiable: natural_share},
    }


def axiom_batches(components: Components, split: Split) -> Iterator[Batch]:
    """The suite's batches of a split, their strata the classes."""
    for tokens, satisfiable in components.batches(split, "axioms"):
        yield Batch(tokens, satisfiable.long())


@torch.inference_mode()
def _answer_quality(components: Components, split: Split) -> tuple[float, int]:
    """Mean loss of the answer token, and how often it is right."""
    loss, n_right = 0.0, 0
    for tokens, satisfiable in components.batches(split, "loss"):
        logits = answer_logits(components.model, tokens)
        expected = right_answers(components.vocabulary, satisfiable)
        loss += float(functional.cross_entropy(logits.double(), expected, reduction="sum"))
        n_right += int((answers(logits) == expected).sum())
    return loss / len(split), n_right
