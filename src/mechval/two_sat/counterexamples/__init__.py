"""Formulas on which an axiom fails: found, shrunk, explained, written down and replayed.

In this order: `finding` and `shrinking`, `responsible`, `cases`, `files`, `replaying`.
"""
