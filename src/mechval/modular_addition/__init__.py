"""Case study 2: addition modulo p in a one-block transformer (paper section 5)."""
