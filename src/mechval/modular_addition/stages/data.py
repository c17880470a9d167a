"""Stage ``data``: which of the p² inputs are trained on and which are held out."""

from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.dataset import Split, draw_split, load_split, save_split
from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_json

Context = StageContext[ModularAdditionSettings]


def run(context: Context) -> None:
    """Draw the split from the seed; write it with its sizes."""
    problem, config = context.settings.problem, context.settings.data
    split = draw_split(problem, config, context.seed)
    save_split(split, problem, context.directory)
    sizes = {"n_pairs": problem.n_pairs, "n_train": len(split.train), "n_test": len(split.test)}
    write_json(sizes, context.directory / "metrics.json")


def load_stage_split(context: Context) -> Split:
    """The split that the finished ``data`` stage of this run left."""
    return load_split(context.upstream["data"].directory, context.settings.problem)
