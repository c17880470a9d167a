"""Stage ``data``: which of the p² inputs are trained on and which are held out."""

from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network import dataset
from mechval.pipeline.stage import StageContext

Context = StageContext[ModularAdditionSettings]

READS = ()
SETTINGS = ("problem", "data")
TABLES = (dataset.SIZES,)


def run(context: Context) -> None:
    """Draw the split from the seed; write it with its sizes."""
    problem = context.settings.problem
    split = dataset.draw_split(problem, context.settings.data, context.seed)
    dataset.save_split(split, problem, context.directory)
    sizes = dataset.Sizes(problem.n_pairs, len(split.train), len(split.test))
    dataset.SIZES.write(sizes, context.directory)


def load_stage_split(context: Context) -> dataset.Split:
    """The split that the finished ``data`` stage of this run left."""
    return dataset.load_split(context.upstream["data"].directory, context.settings.problem)
