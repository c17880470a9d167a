"""The network: its components, its data, its training."""
