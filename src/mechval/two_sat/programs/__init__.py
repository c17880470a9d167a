"""Programs that a neuron may be claimed to compute, how they are fitted, how long they are."""
