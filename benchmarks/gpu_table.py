"""Tables of what GPUs took: ``python benchmarks/gpu_table.py`` writes results/benchmarks/README.md.

They are read from the figures that ``benchmarks/gpu.py`` and the pipeline left there, one file per
card.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "results/benchmarks"
_PAPER_FORMULAS, _CPU_FORMULAS = 1_200_000_000, 3_072_000
_TEXT = """# What graphics cards took

Made by `python benchmarks/gpu_table.py` from `h100.json` and `h200.json`, the figures of
`benchmarks/gpu.sh` and of the pipeline's own commands with `accelerator=gpu`. *Computed*: from the
rate that was measured.

{steps}

## Consolidation

Side by side on one card, by the pipeline. *Smallest* and *largest bound* are the closed form's,
over all formulas, of a neuron that has to be on and of one that has to be off, in units of the
level it was trained to: nothing is proved where they lie on the wrong side of 0.

{networks}
"""


def render(folder: Path = FOLDER) -> str:
    """The text of ``README.md``."""
    cards = [json.loads((folder / name).read_text("utf-8")) for name in ("h100.json", "h200.json")]
    steps = [row for card in cards for row in _steps(card)]
    networks = [row for card in cards for row in _networks(card)]
    return _TEXT.format(
        steps=_table(("card", "what", "seconds", "how"), steps),
        networks=_table(
            ("network", "n, m", "seconds", "wrong of 100 000", "smallest bound", "largest bound"),
            networks,
        ),
    )


def _steps(card: dict[str, Any]) -> list[tuple[str, ...]]:
    device, rows = card["machine"]["device"], []
    for name, n, what in (
        ("paper_throughput", _PAPER_FORMULAS, "train, `paper`: 1.2 billion formulas"),
        ("cpu_throughput", _CPU_FORMULAS, "train, `cpu`: 3.07 million formulas"),
    ):
        if name in card:
            rate = card[name]["figures"]["ours_formulas_per_second"][0]
            rows.append((device, what, f"{n / rate:,.0f}", f"computed: {rate:,} formulas a second"))
    if "data" in card:
        text = "measured, with start and imports; it runs on the CPU"
        rows.append((device, "data, 2.2 million formulas", f"{card['data']['seconds']:.0f}", text))
    if "counting" in card:
        found = card["counting"]["figures"]
        rate, share = found["multisets_per_second"], f"{found['digests_as_committed']} of "
        text = f"computed: {rate:,} a second; {share}{found['chunks']} digests as committed"
        seconds = f"{found['extrapolated_seconds_for_all']:.0f}"
        rows.append((device, "certify: counting all multisets, bits included", seconds, text))
    return rows


def _networks(card: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name, network in card.get("consolidation", {}).get("networks", {}).items():
        result = network["result"]
        rows.append(
            (
                name,
                f"{network['n_variables']}, {network['n_clauses']}",
                f"{network['seconds']:.0f}",
                str(network["wrong_of_100000"]),
                f"{result['lower_bound']:.3f}",
                f"{result['upper_bound']:.3f}",
            )
        )
    return rows


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(render(), encoding="utf-8")
