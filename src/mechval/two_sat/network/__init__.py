"""The network: its components, its training, its activations, its null networks."""
