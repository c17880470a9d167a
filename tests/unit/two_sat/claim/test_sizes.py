from mechval.axioms import Estimate
from mechval.two_sat.claim.sizes import FrontRow, size_rows
from mechval.two_sat.network.components import Components
from mechval.two_sat.programs.lengths import lookup_bits, size_bits
from tests.networks import SMALL_ARCHITECTURE, SMALL_PROBLEM, hand_made_circuit, random_network


def test_rows_put_programs_beside_the_weights() -> None:
    model, circuit = random_network(SMALL_PROBLEM), hand_made_circuit(SMALL_PROBLEM)
    estimate = vars(Estimate.of(1, 10, 0.95))
    front = [
        FrontRow(**estimate, program=program, setting=None, bits=77)
        for program in ("trees", "k of n")
    ]
    rows = size_rows(Components(model, SMALL_PROBLEM), circuit, front, "calibrated")
    bits = {row.what: row.bits for row in rows}
    d, hidden = SMALL_ARCHITECTURE.d_model, SMALL_ARCHITECTURE.d_mlp
    assert bits["all weights"] == 32 * sum(weight.numel() for weight in model.parameters())
    assert bits["weights of evaluate"] == 32 * (4 * d * d + d * hidden + hidden)
    reading = circuit.readings["calibrated"]
    assert bits["trees"] == size_bits(reading.trees.program, SMALL_PROBLEM)
    assert bits["disjunctions"] == size_bits(reading.disjunctions, SMALL_PROBLEM)
    assert bits["lookup table"] == lookup_bits(165, SMALL_PROBLEM.n_assignments)
    assert bits["k of n"] == 77
    shares = {row.what: row.share_of_weights for row in rows}
    assert shares["all weights"] == 1
    assert len(rows) == len(bits)
