"""Train the networks that the matrix of instruments is tried on.

``python -m experiments.organisms`` trains those whose weights ``results/instruments/organisms``
does not have, one after the other, on one core; attempts that were made stay. Delete a file to
train its networks anew: the same seed gives the same network on the same machine.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from experiments.exits import exit_codes
from experiments.folders import working_folder
from experiments.instruments import CLAIM, FOLDER, N_SUMS, PROVED
from mechval.instruments import dyck, evading, squares, trained
from mechval.pipeline import FinishedRun, Workspace
from mechval.two_sat.single.subject import load_subject


def main(root: Path) -> None:
    """Train what is missing; raises MechvalError if the honest 2-SAT network is."""
    folder = root / FOLDER / trained.FOLDER
    makers: dict[str, Callable[[], Iterable[trained.TrainedRow]]] = {
        dyck.WEIGHTS: lambda: dyck.train_all(folder),
        squares.WEIGHTS: lambda: squares.train_all(folder),
        evading.WEIGHTS: lambda: _evade(root, folder),
    }
    known = trained.TRAINED.path(folder)
    rows = list(trained.TRAINED.read(folder)) if known.is_file() else []
    is_left = len(evading.known_attempts(folder)) < len(evading.ATTEMPTS)
    for name, make in makers.items():
        if (folder / name).is_file() and not (name == evading.WEIGHTS and is_left):
            continue
        made = list(make())
        again = {row.network for row in made}
        rows = [*(row for row in rows if row.network not in again), *made]
        trained.TRAINED.write(rows, folder)


def _evade(root: Path, folder: Path) -> list[trained.TrainedRow]:
    subject = load_subject(FinishedRun(Workspace(root), "two_sat", PROVED))
    row = evading.train_all(subject, CLAIM, folder, N_SUMS)
    return [trained.TrainedRow(evading.WEIGHTS, row.seed, row.steps, row.n, row.wrong)]


if __name__ == "__main__":
    with exit_codes():
        argparse.ArgumentParser("python -m experiments.organisms", description=__doc__).parse_args()
        torch.set_num_threads(1)
        main(working_folder())
