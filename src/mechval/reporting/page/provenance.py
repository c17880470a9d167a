"""Where a run's numbers come from: stages, digests, machine, and the commands that make them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mechval.reporting.page.folder import RunFolder, StageState


@dataclass(frozen=True)
class StageFacts:
    """One stage, in words.

    Attributes:
        command: makes the stage's files again.
        facts: pairs of a title and a text.
    """

    name: str
    state: str
    command: str
    facts: tuple[tuple[str, str], ...]


def stage_facts(folder: RunFolder, words: str) -> list[StageFacts]:
    """All stages of a run; ``words`` are those after the stage on the command line."""
    return [
        StageFacts(
            name,
            state.fault or f"whole: {len(state.manifest.tracked) if state.manifest else 0} files",
            stage_command(name, words),
            tuple(_facts(state)),
        )
        for name, state in folder.stages.items()
    ]


def stage_command(stage: str, words: str) -> str:
    """The command that makes a stage of a run."""
    return f"python -m experiments.run +stage={stage} {words}".strip()


def stage_commands(names: Iterable[str], words: str) -> list[str]:
    """The commands behind files, named below the run's folder; each once."""
    stages = dict.fromkeys(name.partition("/")[0] for name in names)
    return [stage_command(stage, words) for stage in stages]


def _facts(state: StageState) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if state.manifest:
        facts += [("seed", str(state.manifest.seed)), ("code", state.manifest.code[:12])]
        facts.append(("manifest", state.manifest.digest[:12]))
    record = state.record
    if record:
        facts += [
            ("git commit", str(record.get("git_commit"))[:12]),
            ("host", str(record.get("host"))),
            ("device", str(record.get("device"))),
            ("took", f"{record.get('seconds')} s"),
            ("ended", str(record.get("ended"))),
        ]
    return facts
