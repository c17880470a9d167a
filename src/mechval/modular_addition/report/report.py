"""The report of one run as a Markdown page, from its tables alone."""

from mechval.modular_addition.report.report_axioms import (
    main_interpretation,
    render_axioms,
    render_paper,
    render_targets,
    render_translations,
)
from mechval.modular_addition.report.report_tables import Loss, ReportTables
from mechval.reporting.ledger import render_ledger
from mechval.reporting.markdown import markdown_table, significant

_MODELS = {
    "own": "A network trained with this code (own model, not the paper's)",
    "published": "A network published by others, imported (not the paper's mainline network)",
}
_SETTLED = {
    None: "",
    True: " It ended when the train loss had settled.",
    False: " **The train loss had not settled** when the steps ran out.",
}


def render_report(tables: ReportTables) -> str:
    """Render the page; its links are relative to the report's own directory."""
    sections = [
        _title(tables),
        render_targets(tables),
        _training(tables),
        _circuit(tables),
        render_axioms(tables),
        _ledger(tables),
        render_translations(tables),
        render_paper(tables),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def figure(name: str, text: str) -> str:
    """A figure of the report."""
    return f"![{text}](figures/{name}.svg)"


def _title(tables: ReportTables) -> str:
    return (
        f"# Addition modulo {tables.problem.p}: {tables.model} model, seed {tables.seed}\n\n"
        f"{_MODELS[tables.model]}, its circuit and the axioms, on all "
        f"{tables.problem.n_pairs:,} inputs. Made by stage `report` from the tables of the stages "
        "before it."
    )


def _ledger(tables: ReportTables) -> str:
    main = main_interpretation(tables)
    shown = [statement for statement in tables.ledger if statement.interpretation == main]
    return "\n\n".join(
        [
            "## What is proved, what is counted, what is sampled",
            f"There are {tables.problem.n_pairs:,} inputs and all are enumerated, so what would "
            f"need a proof is counted instead. Shown is `{main}`; the ledger has "
            f"{len(tables.ledger):,} statements, on every interpretation.",
            render_ledger(shown),
            "Sources: [`certify/ledger.csv`](../certify/ledger.csv); the smallest inputs on which "
            "cells fail, if any do, are in `certify/counterexamples.csv`.",
        ]
    )


def _training(tables: ReportTables) -> str:
    answers = tables.answers
    lines = [
        "## Network",
        markdown_table(
            ["inputs", "N:", "wrong:", "accuracy:"],
            [
                [
                    name,
                    f"{part.n:,}",
                    f"{part.wrong_count:,}",
                    f"{1 - part.wrong_count / part.n:.5f}",
                ]
                for name, part in (
                    ("all", answers),
                    ("trained on", answers.train),
                    ("held out", answers.test),
                )
            ],
        ),
    ]
    if tables.model == "published":
        lines.append(
            "Which inputs this network was trained on is not in its file: *trained on* and *held "
            "out* mean the split of this run's seed (deviation U13: which seed fits)."
        )
    if tables.grokking is not None:
        grokked = tables.grokking
        told = (
            f"grokked at step {grokked.grokked_at_step:,}"
            if grokked.grokked_at_step is not None
            else "**did not grok**"
        )
        memorised = (
            f"answers every train input from step {grokked.memorised_at_step:,}"
            if grokked.memorised_at_step is not None
            else "never answers every train input"
        )
        lines += [
            f"The training ran for {grokked.steps:,} steps: it {memorised} and {told}."
            f"{_SETTLED[grokked.has_settled]}",
            figure("learning-curve", "loss and error against step"),
        ]
    return "\n\n".join(lines)


def _circuit(tables: ReportTables) -> str:
    facts = tables.circuit
    if not facts.key_frequencies:
        found = f"No frequency stands out of the embedding (largest ratio {facts.gap:.2f})."
    else:
        found = (
            f"Key frequencies: {', '.join(map(str, facts.key_frequencies))}. The embedding's power "
            f"falls by a factor of {facts.gap:.2f} behind them; they hold "
            f"{facts.embedding_power_share:.2%} of the power of all waves."
        )
    rows = [
        [
            str(row.frequency),
            f"{row.embedding_power_share:.2%}",
            f"{row.neurons:,}",
            f"{row.neurons_explained:,}",
            significant(row.logit_coefficient),
            f"{row.logit_variance_share:.2%}",
        ]
        for row in tables.frequencies
        if row.is_key
    ]
    header = ["key frequency", "embedding power:", "neurons:", "neurons ≥ 85 %:"]
    header += ["logit coefficient:", "logit variance:"]
    return "\n\n".join(
        [
            "## Circuit",
            found,
            markdown_table(header, rows),
            f"A neuron belongs to the frequency that explains most of its variance; for "
            f"{facts.neurons_explained:,} of {facts.neurons:,} neurons that is at least 85 %, over "
            f"all neurons {facts.neuron_variance_explained:.2%} of the variance. Of the logits' "
            f"variance (centred per input), cos(w_k(a+b−c)) at the key frequencies explains "
            f"{facts.logit_variance_share:.2%}; of each logit's variance over the inputs, "
            f"{facts.logit_sum_wave_share:.2%} lies on the waves of a + b at these frequencies.",
            _losses(tables.losses),
            figure("embedding", "Fourier norms of the embedding and the cut"),
            figure("neurons", "neurons by frequency"),
            figure("logits", "logits as cosines"),
            figure("losses", "restricted and excluded loss"),
            *_losses_over_training(tables),
            "Sources: [`circuit/frequencies.csv`](../circuit/frequencies.csv), "
            "[`circuit/neurons.csv`](../circuit/neurons.csv), "
            "[`circuit/losses.csv`](../circuit/losses.csv); pictures of single neurons and of the "
            "logits' spectrum lie in [`circuit/figures`](../circuit/figures).",
        ]
    )


def _losses_over_training(tables: ReportTables) -> list[str]:
    if all(point.examples is None for point in tables.loss_points):
        return []
    return [
        "![restricted and excluded loss over the training]"
        "(../progress/figures/losses-over-training.svg)",
        "While the network memorises, the restricted loss is high; once it generalises, the "
        "restricted loss is low and the excluded one high "
        "([`progress/losses.csv`](../progress/losses.csv)).",
    ]


def _losses(losses: tuple[Loss, ...]) -> str:
    parts = list(dict.fromkeys(row.inputs for row in losses))
    by_key = {(row.logits, row.inputs): row for row in losses}
    header = ["logits", *(f"{part}: loss (accuracy):" for part in parts)]
    return markdown_table(
        header,
        [
            [
                name,
                *(
                    f"{significant(by_key[name, part].loss)} ({by_key[name, part].accuracy:.4f})"
                    for part in parts
                ),
            ]
            for name in dict.fromkeys(row.logits for row in losses)
        ],
    )
