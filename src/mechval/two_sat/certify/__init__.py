"""Statements about all formulas of the 2-SAT study: counted or certified instead of sampled."""
