"""Formulas: tokens, truth tables, the solver, and the corpora drawn from them."""
