"""Two states are the same if nothing downstream of them can tell them apart.

Source: paper section 5; deviation D5.
"""

from jaxtyping import Float64, Int
from torch import Tensor

from mechval.axioms import Equivalence, Map

Waves = Float64[Tensor, "batch *part 2"]


def same_downstream(gamma: Map, network_rest: Map, program_rest: Map) -> Equivalence:
    """What comes after the cut cannot tell the two states apart.

    The network's rest, fed with γ of each state, gives one answer for both, and the program's
    rest does so too; a state differs in up to two parts, one for each of the two.
    """

    def distance(found: Waves, expected: Waves) -> Int[Tensor, " batch"]:
        network = network_rest(gamma(found)) != network_rest(gamma(expected))
        program = program_rest(found) != program_rest(expected)
        return network.long() + program.long()

    return Equivalence("same answers downstream", distance, n_parts=2)
