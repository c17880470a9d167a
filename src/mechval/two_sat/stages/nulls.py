"""Stage ``nulls``: the axiom table of networks about which every claim is false."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mechval import tables
from mechval.axioms import Cell
from mechval.pipeline.stage import StageArtifacts
from mechval.transformer import Transformer, save_weights
from mechval.two_sat.claim.assess import NetworkFacts
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network import training
from mechval.two_sat.network.components import Components
from mechval.two_sat.stages.sampling import make_assessor
from mechval.two_sat.stages.train import Context, load_stage_split

WEIGHTS = "shuffled.safetensors"


@dataclass(frozen=True, kw_only=True)
class NullNetworkCell(Cell):
    """One cell of one interpretation of a null network."""

    network: str = tables.told()


@dataclass(frozen=True, kw_only=True)
class NullFacts(NetworkFacts):
    """What is told of a null network.

    Attributes:
        n_labels: number of distinct labels it gave; None without an interpretation.
        shuffled_labels: on the formulas whose labels were permuted, by those labels.
        true_labels: on the same formulas, by their own.
        refusals: interpretations that the rules did not find: name to reason.
    """

    n_labels: int | None = tables.told("labels")
    shuffled_labels: training.Accuracy
    true_labels: training.Accuracy
    refusals: Mapping[str, str] = tables.told("no interpretation")


@dataclass(frozen=True, kw_only=True)
class NullNetworks:
    """What is told of both."""

    untrained: NullFacts
    shuffled: NullFacts


NULLS = tables.Table("nulls/nulls.csv", NullNetworkCell)
METRICS = tables.Record("nulls/metrics.json", NullNetworks)
READS = ("data",)
SETTINGS = ("problem", "architecture", "circuit", "axioms", "nulls")
TABLES: tuple[tables.Declared, ...] = (NULLS, METRICS)


def run(context: Context) -> None:
    """Train on shuffled labels; write those weights and the tables of both networks."""
    settings = context.settings
    true = _true_labels(context)
    model = training.untrained_network(settings.problem, settings.architecture, context.seed)
    shuffled = training.shuffled_labels(true, len(true), context.seed)
    training.train_network(
        training.TrainingRun(
            model,
            settings.problem,
            settings.nulls.training,
            train=shuffled,
            # There is nothing to generalise to, so it is watched on the same formulas.
            selection=shuffled,
            seed=context.seed,
            directory=context.scratch / "shuffled",
            device=torch.device(context.device),
        )
    )
    save_weights(model, context.directory / WEIGHTS)
    _write_tables(context, model)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the tables of finished weights."""
    settings = context.settings
    path = artifacts.directory / WEIGHTS
    _write_tables(context, training.load_network(settings.problem, settings.architecture, path))


def _write_tables(context: Context, shuffled: Transformer) -> None:
    settings = context.settings
    untrained = training.untrained_network(settings.problem, settings.architecture, context.seed)
    assess = make_assessor(context, settings.nulls.formulas, settings.circuit, settings.axioms)
    true_labels = _true_labels(context)
    shuffled_labels = training.shuffled_labels(true_labels, len(true_labels), context.seed)
    cells: list[NullNetworkCell] = []
    facts: dict[str, NullFacts] = {}
    for name, model in (("untrained", untrained), ("shuffled", shuffled)):
        components = Components(model.to(context.device), settings.problem)
        found = assess(components)
        for report in found.reports:
            cells += (NullNetworkCell(**vars(cell), network=name) for cell in report.cells)
        facts[name] = NullFacts(
            **vars(found.facts),
            n_labels=max((report.n_labels for report in found.reports), default=None),
            shuffled_labels=training.measure_accuracy(components, shuffled_labels),
            true_labels=training.measure_accuracy(components, true_labels),
            refusals=found.refusals,
        )
    NULLS.write(cells, context.directory)
    METRICS.write(NullNetworks(**facts), context.directory)


def _true_labels(context: Context) -> Split:
    n_formulas = context.settings.nulls.shuffled_formulas
    return load_stage_split(context, "training.train").first(n_formulas)
