"""Stage ``partial``: the partial cells of the main interpretation, on pairs of all inputs."""

from mechval.axioms.interchange import INTERCHANGES
from mechval.axioms.partial import PARTIALS
from mechval.axioms.partial_cells import evaluate_partial_cells
from mechval.modular_addition.circuit.extract import FREQUENCIES
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.claim.translations import fit_translations
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import Components, record_activations
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import load_stage_network

READS = ("train", "circuit", "data")
SETTINGS = ("problem", "architecture", "axioms")
TABLES = (PARTIALS, INTERCHANGES)


def run(context: Context) -> None:
    """Measure every cell; write both tables, empty ones if no claim can be stated."""
    problem, config = context.settings.problem, context.settings.axioms
    model = load_stage_network(context)
    found = FREQUENCIES.read(context.upstream["circuit"].directory)
    selections = select_waves(problem.p, found)
    if not selections:
        PARTIALS.write([], context.directory)
        INTERCHANGES.write([], context.directory)
        return
    fitted = fit_translations(
        model,
        problem,
        selections[0],
        record_activations(model, problem),
        load_stage_split(context).train,
    )
    claim, *_ = make_interpretations(Components(model), problem, fitted, config, config.readings)
    cells = evaluate_partial_cells(
        claim,
        problem.tokens(problem.all_pairs()),
        domains={},
        confidence=config.confidence,
        domain_size=problem.n_pairs,
        seed=context.seed,
    )
    cells.save(context.directory)
