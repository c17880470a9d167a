"""The better interpretation of one network: literal counts, voting programs, regressed states.

Which parts of it are taken is a rule that sees the fitting split alone. Part by part (γ_1, the
program of evaluate, γ_2), each candidate is put into what was taken so far. One that makes any
cell of the axiom table worse does not count; of those that count the one with the fewest
disagreements over all cells is taken, if that is fewer than before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mechval import axioms, tables
from mechval.axioms import CellKey, Interpretation, Map
from mechval.axioms.equations import deciding_equivalence
from mechval.two_sat.circuit.clause_prototypes import prototypes_by_position
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.bench import Bench
from mechval.two_sat.claim.improved.fitted import choosing_formulas
from mechval.two_sat.claim.improved.refined_parser import RefinedParser, fit_colon
from mechval.two_sat.claim.improved.regressed_state import fit_regression
from mechval.two_sat.claim.variants import variant
from mechval.two_sat.claim.variants.variant import Variant, make_variant, with_evaluate
from mechval.two_sat.interpretation import reading_of
from mechval.two_sat.programs.mirrored import AnyVoting

COUNTING = "counting"
Change = Callable[[Interpretation], Interpretation]
Counts = Counter[CellKey]
Taken = tuple[str | None, ...]


@dataclass(frozen=True)
class InterpretationPart:
    """One part of an interpretation: what might be put in its place, for the sake of a cell."""

    name: str
    candidates: Mapping[str, Change]
    about: str


@dataclass(frozen=True, kw_only=True)
class ChoiceRow:
    """One candidate in one distinct cell."""

    part: str = tables.told()
    candidate: str = tables.told()
    is_taken: bool = tables.told()
    n: int = tables.told("N")
    cell: str = tables.told()
    before_disagreements: int = tables.count("disagreements before")
    after_disagreements: int = tables.count("disagreements after")

    @property
    def is_worse(self) -> bool:
        """Whether the candidate disagrees more often there than what was in its place."""
        return self.after_disagreements > self.before_disagreements


CHOICES = tables.Table("axioms/choices.csv", ChoiceRow)


@dataclass(frozen=True)
class Choice:
    """The base with what was taken, and one row per candidate and distinct cell."""

    interpretation: Interpretation
    rows: tuple[ChoiceRow, ...]


def improve(
    bench: Bench, base: Interpretation, programs: Mapping[str, AnyVoting]
) -> tuple[Choice, list[Variant]]:
    """Put better parts into a main interpretation: those that count on the last fitting formulas.
    The α_2 of ``base`` must read the neurons that the programs were fitted to. Returns what is
    taken, and as variants every candidate on its own, voting with the counting γ_1, and the
    choice."""
    parse, evaluate, state = parts = _parts(bench, base, programs)
    last = choosing_formulas(bench.fitting.split)
    choice = choose_parts(base, parts, axiom_batches(bench.components, last))
    counting = parse.candidates[COUNTING](base)
    made = [
        *((name, change(base), parse) for name, change in parse.candidates.items()),
        *((name, change(base), state) for name, change in state.candidates.items()),
        *(
            (f"{COUNTING}, {name}", change(counting), evaluate)
            for name, change in evaluate.candidates.items()
        ),
    ]
    variants = [
        make_variant("improved", name, changed, about=part.about) for name, changed, part in made
    ]
    return choice, [*variants, make_variant("improved", "chosen", choice.interpretation)]


def _parts(
    bench: Bench, base: Interpretation, programs: Mapping[str, AnyVoting]
) -> tuple[InterpretationPart, InterpretationPart, InterpretationPart]:
    """What may be replaced, in the order in which it is."""
    network, circuit, seen = bench.components, bench.circuit, bench.fitting
    problem, device = network.problem, network.device
    own = (problem, circuit.prototypes.to(device), circuit.mean_resid_post.to(device))
    colon = fit_colon(problem, seen.split, seen.resid_post).to(device)
    by_position = prototypes_by_position(network.model, problem).to(device)
    parsers = {
        COUNTING: RefinedParser(*own, colon=colon),
        "positions": RefinedParser(*own, by_position=by_position),
        f"{COUNTING} and positions": RefinedParser(*own, colon, by_position),
    }
    bits = bench.bits(reading_of(base.tags), seen)
    regressed = fit_regression(bits, seen.states).to(device)
    return (
        InterpretationPart(
            "γ_1",
            {name: partial(with_parse_gamma, gamma=made.gamma) for name, made in parsers.items()},
            variant.PARSE_REPLACEABILITY[0],
        ),
        InterpretationPart(
            "program",
            {name: partial(with_evaluate, program=made.bits) for name, made in programs.items()},
            variant.EVALUATE_EQUIVALENCE[0],
        ),
        InterpretationPart(
            "γ_2",
            {"regression": partial(with_evaluate, gamma=regressed.gamma)},
            variant.EVALUATE_REPLACEABILITY[0],
        ),
    )


def with_parse_gamma(interpretation: Interpretation, gamma: Map) -> Interpretation:
    """Another γ_1; the very same one is evaluated once for all interpretations that share it."""
    start, _, state, end = interpretation.gammas
    return replace(interpretation, gammas=(start, gamma, state, end))


def choose_parts(
    base: Interpretation, parts: Sequence[InterpretationPart], batches: Iterable[axioms.Batch]
) -> Choice:
    """Take the parts one after another, by what a single pass over the fitting split counts. In
    that pass every combination of candidates is measured, since whatever combinations share is
    evaluated only once. A part without candidates is passed over."""
    parts = [part for part in parts if part.candidates]
    made = _combinations(base, parts)
    counts, n = _count(made, batches)
    chosen: Taken = ()
    rows: list[ChoiceRow] = []
    for place, part in enumerate(parts, start=1):
        nothing = (None,) * (len(parts) - place)
        before = counts[*chosen, None, *nothing]
        after = {name: counts[*chosen, name, *nothing] for name in part.candidates}
        best = _best(before, after)
        chosen = (*chosen, best)
        rows += (
            ChoiceRow(
                part=part.name,
                candidate=candidate,
                is_taken=candidate == best,
                n=n,
                cell=base.cell_name(key),
                before_disagreements=before[key],
                after_disagreements=count,
            )
            for candidate, counted in after.items()
            for key, count in counted.items()
        )
    return Choice(made[chosen], tuple(rows))


def _combinations(
    base: Interpretation, parts: Sequence[InterpretationPart]
) -> dict[Taken, Interpretation]:
    """The base with one candidate, or none (None), for each of the parts."""
    made: dict[Taken, Interpretation] = {(): base}
    for part in parts:
        changes = {None: axioms.identity, **part.candidates}
        made = {
            (*taken, name): change(current)
            for taken, current in made.items()
            for name, change in changes.items()
        }
    return made


def _count(
    made: Mapping[Taken, Interpretation], batches: Iterable[axioms.Batch]
) -> tuple[dict[Taken, Counts], int]:
    """Disagreements of each combination in each distinct cell, and the number of samples."""
    named = [replace(each, name=str(taken), tags={}) for taken, each in made.items()]
    measured = axioms.measure_axioms(named, batches)
    counts = {
        taken: Counter(
            {
                key: int((distances > deciding_equivalence(each, key).tolerance).sum())
                for key, distances in found.distances.items()
            }
        )
        for (taken, each), found in zip(made.items(), measured, strict=True)
    }
    return counts, len(measured[0].strata)


def _best(before: Counts, after: Mapping[str, Counts]) -> str | None:
    totals = {
        name: counts.total()
        for name, counts in after.items()
        if all(counts[key] <= before[key] for key in before)
    }
    best = min(totals, key=totals.__getitem__, default=None)
    return best if best is not None and totals[best] < before.total() else None
