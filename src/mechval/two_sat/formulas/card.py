"""The facts about a dataset that a reader needs, as a record and as a Markdown card."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mechval import tables
from mechval.two_sat.formulas.dataset import Corpora


@dataclass(frozen=True)
class SplitFacts:
    name: str = tables.told()
    formulas: int = tables.told()
    satisfiable: int = tables.told()


@dataclass(frozen=True)
class DataFacts:
    """What is in the stored file and how it was made. ``natural_satisfiable_share`` is the
    satisfiable share of all ``formulas_drawn``, before anything was dropped to balance the
    classes."""

    n_variables: int = tables.told()
    n_clauses: int = tables.told()
    n_distinct_clauses: int = tables.told()
    seed: int = tables.told()
    splits: tuple[SplitFacts, ...] = tables.told()
    formulas_drawn: int = tables.told()
    satisfiable_drawn: int = tables.told()
    natural_satisfiable_share: float = tables.number(unit="%")
    duplicates_dropped: int = tables.told()
    sha256: str = tables.told()
    file_bytes: int = tables.told()


DATA = tables.Record("data/metrics.json", DataFacts)


def describe_corpora(corpora: Corpora, path: Path) -> DataFacts:
    """Gather the facts about ``corpora`` and the file at ``path`` that stores them."""
    problem, provenance = corpora.problem, corpora.provenance
    content = path.read_bytes()
    return DataFacts(
        n_variables=problem.n_variables,
        n_clauses=problem.n_clauses,
        n_distinct_clauses=problem.n_distinct_clauses,
        seed=provenance.seed,
        splits=tuple(
            SplitFacts(name, len(split), int(split.satisfiable.sum()))
            for name, split in corpora.splits.items()
        ),
        formulas_drawn=provenance.formulas_drawn,
        satisfiable_drawn=provenance.satisfiable_drawn,
        natural_satisfiable_share=provenance.satisfiable_drawn / provenance.formulas_drawn,
        duplicates_dropped=provenance.duplicates_dropped,
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
    )


def render_data_card(facts: DataFacts) -> str:
    """Write the facts as a Markdown page."""
    splits = "\n".join(
        f"| {split.name} | {split.formulas:,} | {split.satisfiable / split.formulas:.2%} |"
        for split in facts.splits
    )
    return f"""# Data card: 2-SAT formulas

- **Formulas**: {facts.n_clauses} clauses over {facts.n_variables} variables, each clause two \
literals over two different variables ({facts.n_distinct_clauses} distinct clauses).
- **Generator**: clauses drawn independently and uniformly, with repetition \
(`mechval.two_sat.formulas.generation`), seed {facts.seed}.
- **Natural share**: {facts.natural_satisfiable_share:.4%} of the {facts.formulas_drawn:,} \
formulas drawn are satisfiable; the corpora keep as many of each class.
- **Duplicates**: {facts.duplicates_dropped:,} repeated formulas were dropped; none occurs twice \
within or across the splits.
- **Labels**: MiniSat 2.2 through PySAT, used incrementally; every label is checked against the \
formula's truth table, and every model the solver finds against the formula's clauses.
- **Split rule**: the first formulas drawn of each class, in the order of the table, then shuffled \
within each split.

| split | formulas | satisfiable |
|---|---:|---:|
{splits}

The file has {facts.file_bytes:,} bytes, sha256 `{facts.sha256}`.
"""
