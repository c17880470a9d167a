"""Case study 2: addition modulo p in a one-block transformer (PAPER.md section 3)."""
