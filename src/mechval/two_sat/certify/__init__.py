"""Proofs about the 2-SAT network that cover every formula."""
