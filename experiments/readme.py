"""Rewrite the tables of results in README.md and docs/RESULTS.md from the committed tables.

``python -m experiments.readme`` rewrites what stands between their markers; with ``--check`` it
writes nothing and exits with 1 if that would change a file.
"""

import sys
from functools import partial
from pathlib import Path

from experiments.exits import exit_codes
from mechval.modular_addition.report import readme as modular_addition
from mechval.reporting.readme import fill
from mechval.reporting.report import RunFiles
from mechval.two_sat.report import readme as two_sat

ROOT = Path(__file__).resolve().parents[1]
FILES = ("README.md", "docs/RESULTS.md")
STUDIES = {"two_sat": two_sat.BLOCKS, "modular_addition": modular_addition.BLOCKS}


def rewritten(root: Path) -> dict[Path, str]:
    """Both files as they should be, by path; raises MechvalError if a table is missing."""
    blocks = {}
    for study, makers in STUDIES.items():
        folders = sorted((root / "results" / study).iterdir())
        runs = {path.name: RunFiles.of(path) for path in folders if (path / "axioms").is_dir()}
        blocks.update({name: partial(make, runs) for name, make in makers.items()})
    paths = [root / name for name in FILES]
    return {path: fill(path.read_text(encoding="utf-8"), blocks) for path in paths}


def main(*, check: bool, root: Path = ROOT) -> int:
    """Rewrite the files, or say which of them differ; the exit code."""
    changed = {
        path: text
        for path, text in rewritten(root).items()
        if path.read_text(encoding="utf-8") != text
    }
    for path, text in changed.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        told = "differs from the tables" if check else "rewritten"
        sys.stderr.write(f"{path.relative_to(root)}: {told}\n")
    return int(check and bool(changed))


if __name__ == "__main__":
    with exit_codes():
        sys.exit(main(check="--check" in sys.argv[1:]))
