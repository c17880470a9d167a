"""What the stages that assess several networks share: the sample and the question."""

from collections.abc import Callable
from functools import partial

from mechval.axioms.progress import Validation
from mechval.two_sat.claim.assess import NetworkFacts, Question, assess_network
from mechval.two_sat.configs import AxiomsConfig, CircuitConfig
from mechval.two_sat.formulas.dataset import load_provenance
from mechval.two_sat.network.components import Components
from mechval.two_sat.stages.train import Context, load_stage_split


def make_assessor(
    context: Context, formulas: int, circuit: CircuitConfig, axioms: AxiomsConfig
) -> Callable[[Components], Validation[NetworkFacts]]:
    """Assess any network on the first analysis formulas, split in fit and test as all of them."""
    settings, data = context.settings, context.upstream["data"].bulk
    problem = settings.problem
    n_fit = round(formulas * settings.data.fit_fraction)
    return partial(
        assess_network,
        fit=load_stage_split(context, "analysis.fit").first(n_fit),
        test=load_stage_split(context, "analysis.test").first(formulas - n_fit),
        question=Question(circuit, axioms, load_provenance(data, problem).natural_share),
        seed=context.seed,
    )
