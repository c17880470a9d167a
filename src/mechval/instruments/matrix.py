"""The matrix: every instrument on every organism, beside what was predicted."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mechval import tables
from mechval.instruments.columns import COLUMNS, COLUMNS_OF, INSTRUMENTS, Reading
from mechval.instruments.organism import Organism

MOST_FALSE_ALARMS = 0.05


class Outcome(StrEnum):
    """What an instrument comes to."""

    DETECTED = "detected"
    PASSED = "passed"
    NO_VERDICT = "no verdict"
    """It alarms, and on the true claim about the same network too."""
    REFUSED = "refused"
    """It cannot be applied, and says why: no alarm, but no pass either."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What was expected of one entry, written down before the first run."""

    organism: str = tables.told()
    instrument: str = tables.told()
    outcome: Outcome = tables.told("predicted")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One instrument on one organism, in its worst cell.

    Attributes:
        is_sound: whether the claim is true, so that *detected* is a false alarm; None if set apart.
        control: the true claim about the same network.
        predicted: None where nothing was written down.
        n: samples of the worst cell; ``n_cells`` cells are held together.
        lower: least rate of disagreement, surely (95 %, all cells together).
        samples: how many show one disagreement at 95 %, at this rate.
        note: why it cannot be applied.
    """

    organism: str = tables.told()
    is_sound: bool | None = tables.told("claim is true")
    control: str = tables.told()
    instrument: str = tables.told()
    outcome: Outcome = tables.told()
    predicted: Outcome | None = tables.told()
    disagreements: int | None = tables.count()
    n: int | None = tables.told("N")
    rate: float | None = tables.rate("rate")
    lower: float | None = tables.rate("lower bound")
    n_cells: int = tables.told("cells")
    samples: int | None = tables.told("samples needed")
    note: str = tables.told()


@dataclass(frozen=True)
class OrganismRow:
    """A row of the matrix in words."""

    organism: str = tables.told()
    told: str = tables.told("network / claim")


@dataclass(frozen=True)
class Seconds:
    """How long a group of instruments took on an organism: of this machine, never compared."""

    organism: str = tables.told()
    instruments: str = tables.told()
    seconds: float = tables.number(unit="s")


@dataclass(frozen=True)
class InstrumentSummary:
    """One column: faults seen, and false alarms; a column with too many says so."""

    instrument: str = tables.told()
    faults: int = tables.told("faulty claims")
    detected: int = tables.told("detected")
    sound: int = tables.told("true claims")
    alarms: int = tables.told("false alarms")
    refused: int = tables.told("cannot be applied")
    warning: str = tables.told()


ENTRIES = tables.Table("instruments/matrix.csv", Entry)
PREDICTIONS = tables.Table("instruments/predictions.csv", Prediction)
ORGANISMS = tables.Table("instruments/organisms.csv", OrganismRow)
SECONDS = tables.Table("instruments/seconds.csv", Seconds)
SUMMARIES = tables.Table("instruments/instruments.csv", InstrumentSummary)


def measure(
    organism: Organism, predictions: Iterable[Prediction], known: Iterable[str] = ()
) -> tuple[list[Entry], list[Seconds]]:
    """All instruments on one organism but those known, in the order of the columns."""
    expected = {
        each.instrument: each.outcome for each in predictions if each.organism == organism.name
    }
    readings: dict[str, Reading] = {}
    seconds, known = [], set(known)
    for group, instrument in INSTRUMENTS.items():
        if known.issuperset(COLUMNS_OF[group]):
            continue
        start = time.perf_counter()
        readings |= instrument(organism)
        seconds.append(Seconds(organism.name, group, time.perf_counter() - start))
    entries = [
        _entry(organism, name, readings[name], expected.get(name))
        for name in COLUMNS
        if name in readings
    ]
    return entries, seconds


def summarise(entries: Sequence[Entry]) -> Iterator[InstrumentSummary]:
    """Every column, over all organisms."""
    for name in dict.fromkeys(entry.instrument for entry in entries):
        own = [entry for entry in entries if entry.instrument == name]
        applied = [entry for entry in own if entry.outcome is not Outcome.REFUSED]
        faults = [entry for entry in applied if entry.is_sound is False]
        sound = [entry for entry in applied if entry.is_sound]
        alarms = sum(entry.outcome is Outcome.DETECTED for entry in sound)
        too_many = bool(sound) and alarms > MOST_FALSE_ALARMS * len(sound)
        yield InstrumentSummary(
            name,
            faults=len(faults),
            detected=sum(entry.outcome is Outcome.DETECTED for entry in faults),
            sound=len(sound),
            alarms=alarms,
            refused=len(own) - len(applied),
            warning=f"alarms on {alarms} of {len(sound)} true claims" if too_many else "",
        )


def against_controls(entries: Sequence[Entry]) -> list[Entry]:
    """A fault is detected only where the true claim about the same network passes."""
    alarmed = {
        (entry.organism, entry.instrument) for entry in entries if entry.outcome is Outcome.DETECTED
    }
    return [
        replace(entry, outcome=Outcome.NO_VERDICT)
        if entry.outcome is Outcome.DETECTED and (entry.control, entry.instrument) in alarmed
        else entry
        for entry in entries
    ]


def surprises(entries: Iterable[Entry]) -> list[Entry]:
    """Where a prediction was wrong."""
    return [entry for entry in entries if entry.predicted not in (None, entry.outcome)]


def by_organism(entries: Iterable[Entry]) -> Mapping[str, dict[str, Entry]]:
    """Rows of the matrix, by instrument."""
    rows: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        rows.setdefault(entry.organism, {})[entry.instrument] = entry
    return rows


def _entry(
    organism: Organism, instrument: str, reading: Reading, predicted: Outcome | None
) -> Entry:
    worst = reading.worst if reading.cells else None
    passed = Outcome.DETECTED if reading.is_detected else Outcome.PASSED
    return Entry(
        organism=organism.name,
        is_sound=organism.is_sound,
        control=organism.control,
        instrument=instrument,
        outcome=passed if worst else Outcome.REFUSED,
        predicted=predicted,
        disagreements=worst and worst.disagreements,
        n=worst and worst.n,
        rate=worst and worst.rate,
        lower=worst and reading.lower_of(worst),
        n_cells=len(reading.cells),
        samples=samples_needed(worst.rate) if worst else None,
        note=reading.refusal,
    )


def samples_needed(rate: float) -> int | None:
    """So many show a disagreement with probability 95 %."""
    if rate == 0:
        return None
    return 1 if rate >= 0.95 else math.ceil(math.log(0.05) / math.log1p(-rate))
