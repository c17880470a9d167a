"""The 2-SAT tables of README.md and docs/RESULTS.md, from the committed runs' tables."""

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

from matplotlib.figure import Figure

from mechval.reporting import paper_comparison
from mechval.reporting.filled_blocks import Block
from mechval.reporting.paper_comparison import COMPARISONS, Agreement, Measured
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import CellText, counted, markdown_of, show, told
from mechval.two_sat.certify.counting.programs import ALL, PROGRAM_ERRORS
from mechval.two_sat.certify.counting.tables import ANSWERS
from mechval.two_sat.certify.drift.answer import DRIFT
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus
from mechval.two_sat.certify.theorem.theorem import THEOREM, LemmaStatus
from mechval.two_sat.claim.sizes import FRONT
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.report import claim_sections, consolidated, measured
from mechval.two_sat.report.figures.theorem import draw_before_and_after
from mechval.two_sat.report.paper_values import BY_KEY
from mechval.two_sat.report.targets import ABOUT, Target, against_limits

AUTHORS, OWN, PROVED = "published", "reference", "proved"
"""Runs of the authors' network, of ours, and of ours trained until it is proved."""
_SEEDS = "cpu-"


def headline(runs: Mapping[str, RunFiles]) -> str:
    """Every target of the reference network beside the paper and the authors' network."""
    theirs = measured.measured_values(runs[AUTHORS])
    ours = measured.main_values(runs[OWN])
    verdicts = [row.verdict for row in runs[AUTHORS].rows(COMPARISONS)]
    agreeing = f"{verdicts.count(Agreement.AGREES)} of {len(verdicts)} printed numbers agree"
    measured_there = ("authors' network, measured", lambda target: target.shown(theirs))
    shown = against_limits(OWN, "ours", ours, ("paper", _printed), measured_there)
    where = "with those measured here on the authors' network."
    return f"**{agreeing}** {where}\n\n{markdown_of(shown)}"


def _printed(target: Target) -> str:
    """The paper's number in the target's quantity; a printed rate comes without a bound."""
    number = BY_KEY[target.printed]
    if target.quantity == "count":
        return f"{number.count:,} of {number.n:,}"
    return f"{number.text} (estimate)" if number.kind == "rate" else number.text


def seeds(runs: Mapping[str, RunFiles]) -> str:
    """The same targets on every seed of the preset that trains on a CPU."""
    found = {
        name: measured.main_values(files) for name, files in runs.items() if name.startswith(_SEEDS)
    }
    accuracies = [values["train/accuracy"].value or 0.0 for values in found.values()]
    together = {
        "seeds/accuracy_median": Measured(median(accuracies)),
        "seeds/accuracy_smallest": Measured(min(accuracies)),
    }

    def judged(target: Target, name: str) -> CellText:
        shown, verdict = target.shown(found[name]), target.verdict(found[name])
        missed = "" if verdict == "met" else f", {verdict}"
        return CellText(shown.text + missed, shown.order)

    columns = ((name.removeprefix(_SEEDS), partial(judged, name=name)) for name in found)
    each = show(ABOUT[OWN], ("target", "name"), *columns, ("limit", "bound"))
    over_all = against_limits("seeds", "measured", together)
    return f"{markdown_of(each)}\n\n{markdown_of(over_all)}"


def better(runs: Mapping[str, RunFiles]) -> str:
    """What a better interpretation of the authors' network reaches, beside the aims."""
    files = runs[AUTHORS]
    improved = [row for row in files.rows(VARIANTS) if row.tags["family"] == "improved"]
    front = files.rows(FRONT)
    most_bits, within = claim_sections.within_ten_times_the_trees(front)
    parse = [row for row in improved if row.name == row.about == "prefix replaceability/parse"]
    best = {
        "improved/parse": min(parse, key=lambda row: row.epsilon),
        "improved/evaluate": min(within, key=lambda row: row.epsilon),
    }
    values = {key: Measured(row.epsilon, row.disagreements, row.n) for key, row in best.items()}
    theirs = measured.measured_values(files)
    in_paper = ("as in the paper", lambda target: paper_comparison.counted(theirs[target.printed]))
    aims = against_limits(AUTHORS, "better", values, in_paper)
    programs = show(front, "program setting bits disagreements epsilon")
    told_bits = f"Programs of evaluate; ten times the 4-leaf trees are {most_bits:,} bits:"
    return f"{markdown_of(aims)}\n\n{told_bits}\n\n{markdown_of(programs)}"


def certified(runs: Mapping[str, RunFiles]) -> str:
    """What is proved and counted about both networks."""
    theirs, ours = (_statements(runs[name]) for name in (AUTHORS, OWN))
    columns = ("authors' network", theirs.get), ("ours", lambda key: ours.get(key, ""))
    names = ("statement", lambda key: key[0]), ("kind", lambda key: key[1])
    return markdown_of(show(theirs, names[0], *columns, names[1]))


def theorem(runs: Mapping[str, RunFiles]) -> str:
    """What is proved of the network that was trained on towards its interpretation."""
    found = runs[PROVED].record(THEOREM)
    run = f"[`{PROVED}`](results/two_sat/{PROVED}/report/README.md)"
    if found.status is not LemmaStatus.PROVED:
        return f"Run {run}, `{OWN}` trained on, is not proved: {found.failing_lemma}."
    return consolidated.told_theorem(found, f"Run {run}, `{OWN}` trained on,", bold="**")


def consolidated_networks(runs: Mapping[str, RunFiles]) -> str:
    """The authors' network, ours, and ours after consolidation side by side."""
    titles = {"authors' network": AUTHORS, f"`{OWN}`": OWN, f"`{PROVED}`": PROVED}
    return consolidated.side_by_side({title: runs[name] for title, name in titles.items()})


def mechanism(runs: Mapping[str, RunFiles]) -> Figure:
    """What consolidation changed, on one formula."""
    return draw_before_and_after({f"{OWN}: before": runs[OWN], f"{PROVED}: after": runs[PROVED]})


BLOCKS: Mapping[str, Block] = {
    "theorem": theorem,
    "headline": headline,
    "seeds": seeds,
    "better": better,
    "certified": certified,
    "consolidated": consolidated_networks,
}
PICTURES: Mapping[str, Callable[[Mapping[str, RunFiles]], Figure]] = {"mechanism": mechanism}
"""Of docs/, by name."""


def _statements(files: RunFiles) -> dict[tuple[str, str], CellText]:
    """Cells of the table by statement and kind of evidence."""
    cases = files.rows(PARSING)
    certified = sum(case.status is CaseStatus.CERTIFIED for case in cases)
    weakest = min(cases, key=lambda case: case.margin)
    margin = f"{told(weakest.margin)} ({told(weakest.numerical_error)})"
    (drift,) = (row for row in files.rows(DRIFT) if row.source == "all")
    text = "α_1 returns the clause: cases of a position and its clause"
    found = {
        (text, "certified"): counted(certified, len(cases)),
        ("smallest margin (bound on its rounding)", "certified"): CellText(margin),
    }
    for row in files.rows(ANSWERS):
        if row.quantity == "error" and row.count_upper is not None and row.total:
            text = f"after γ_1 the network errs on {row.stratum} formulas"
            found[text, "exact"] = _rate(row.count_upper, row.total)
    for row in files.rows(PROGRAM_ERRORS):
        if row.stratum == ALL:
            text = f"the {row.program}, as a program, err on"
            found[text, "exact"] = _rate(row.errors, row.formulas)
    text = "parse replaceability proved, held-out formulas"
    found[text, "formula by formula"] = counted(drift.certified, drift.n)
    return found


def _rate(count: int, total: int) -> CellText:
    share = count / total
    return CellText(f"{count:,} ({told(100 * share)} %)" if count else "0", share)
