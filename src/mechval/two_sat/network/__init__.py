"""The network: its components, their activations, its training."""
