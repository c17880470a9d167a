"""All circuit evidence that the paper reports on its 2-SAT network, for any network and size.

Source: paper section 4 and appendix. Blocks, heads and clauses count from 0.
"""
