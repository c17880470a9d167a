"""Statements about all formulas of the 2-SAT study: proved or counted instead of sampled."""
