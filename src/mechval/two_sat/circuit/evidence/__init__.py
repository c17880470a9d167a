"""All circuit evidence that the paper reports on its 2-SAT network, for any network and size.

Source: PAPER.md section 2, "Circuit evidence reported". Blocks, heads and clauses count from 0.
"""
