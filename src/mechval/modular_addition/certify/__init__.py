"""Cells counted on every input."""
