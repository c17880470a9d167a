"""Print how long each stage of each run took here, and its peak memory, as a Markdown table.

Run ``python benchmarks/stages.py`` after ``python -m experiments.run +stage=all``; it reads the
untracked ``run.json`` files under ``results/``. A stage's peak is that of its process so far, so
in a run of several stages it covers the earlier ones too.
"""

import json
import sys
from pathlib import Path

from mechval.pipeline.run_record import RunRecord

_RESULTS = Path(__file__).resolve().parents[1] / "results"
_HEADER = (
    "| run | stage | action | seconds | peak memory (GB) | device | started |\n"
    "|---|---|---|---:|---:|---|---|\n"
)


def main() -> None:
    """Read every record, oldest first."""
    records = [
        (path.parent, RunRecord(**json.loads(path.read_text(encoding="utf-8"))))
        for path in _RESULTS.glob("*/*/*/run.json")
    ]
    records.sort(key=lambda found: (found[0].parent, found[1].started, found[1].ended))
    sys.stdout.write(_HEADER + "".join(_row(*found) for found in records))


def _row(directory: Path, record: RunRecord) -> str:
    run = directory.parent.relative_to(_RESULTS).as_posix()
    gigabytes = record.peak_memory_bytes / 1e9
    return (
        f"| {run} | {directory.name} | {record.action} | {record.seconds:.1f} | {gigabytes:.2f} "
        f"| {record.device} | {record.started} |\n"
    )


if __name__ == "__main__":
    main()
