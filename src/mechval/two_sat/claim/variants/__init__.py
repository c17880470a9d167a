"""Variants of the 2-SAT interpretation: each a named check beside the main axiom table."""
