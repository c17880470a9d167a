"""Stage ``improve``: programs of evaluate that are fitted to the network, step by step."""

from mechval import tables
from mechval.pipeline.stage import StageArtifacts
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.improved import fitted
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import Components
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

READS = ("data", "consolidate|train", "circuit")
SETTINGS = ("problem", "architecture", "circuit", "improved")
IS_SHOWN = False
TABLES: tuple[tables.Declared, ...] = (fitted.METRICS, fitted.PROGRAMS)


def run(context: Context) -> None:
    """Fit the programs; write them, and how often they err."""
    network, circuit, fit = _subject(context)
    config, seed = context.settings.improved, context.seed
    found = fitted.fit_programs(network, circuit, fit, config=config, seed=seed)
    fitted.save_programs(found, context.directory)
    _write_errors(context, found)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Measure finished programs again."""
    programs = fitted.load_programs(artifacts.directory, context.settings.problem)
    _write_errors(context, programs)


def _write_errors(context: Context, found: fitted.FittedPrograms) -> None:
    network, circuit, fit = _subject(context)
    last = fitted.choosing_formulas(fit)
    errors = fitted.measure_errors(network, circuit, found.programs, last)
    fitted.METRICS.write(errors, context.directory)


def _subject(context: Context) -> tuple[Components, Circuit, Split]:
    circuit = load_circuit(context.upstream["circuit"].directory, context.settings.problem)
    return load_stage_network(context), circuit, load_stage_split(context, "analysis.fit")
