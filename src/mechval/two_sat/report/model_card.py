"""The model card of one network, from the run's tables alone."""

from mechval.reporting.report import RunFiles, Section
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.network.training import ACCURACY
from mechval.two_sat.report import network_sections


def card(files: RunFiles) -> Section:
    """What the network is for, what it was made from, where it fails."""
    data, accuracy = files.record(DATA), files.record(ACCURACY)
    return Section(
        "Purpose and limits",
        "model_card.md",
        {
            "problem": files.settings.problem,
            "is_own": files.settings.model.kind == "own",
            **accuracy.classes,
            "natural": f"{data.natural_satisfiable_share:.2%}",
            "drawn": data.formulas_drawn,
        },
    )


MAKERS = (card, network_sections.training, network_sections.accuracy)
