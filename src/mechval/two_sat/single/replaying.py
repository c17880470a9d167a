"""Replaying counterexamples: the same facts, and the same bits on the machine that found them."""

from dataclasses import dataclass

import numpy as np

from mechval.two_sat.single.cases import States, Subject, cell_of
from mechval.two_sat.single.files import Case


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        fails: whether the cell fails on the formula again.
        differing_facts: columns of the case whose value is another one now.
        is_bit_equal: whether logits and all states have the very same bits.
        largest_logit_change: between the recorded and the recomputed logits.
    """

    fails: bool
    differing_facts: tuple[str, ...]
    is_bit_equal: bool
    largest_logit_change: float

    @property
    def succeeds(self) -> bool:
        """Whether the case is what it was; the last bits may be those of another processor."""
        return self.fails and not self.differing_facts


def replay_case(subject: Subject, case: Case, recorded: States) -> Replay:
    """Evaluate a recorded counterexample again, on its own."""
    interpretation = subject.interpretations[case.interpretation]
    cell = cell_of(interpretation, case.axiom_name, case.component)
    facts, states, fails = subject.observe(case.interpretation, cell, case.ids)
    return Replay(
        fails=fails,
        differing_facts=tuple(
            name for name, value in vars(facts).items() if value != getattr(case, name)
        ),
        is_bit_equal=states.logits.tobytes() == recorded.logits.tobytes()
        and states.digest.tobytes() == recorded.digest.tobytes(),
        largest_logit_change=float(np.abs(states.logits - recorded.logits).max()),
    )
