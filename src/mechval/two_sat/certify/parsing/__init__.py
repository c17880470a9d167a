"""Parsing proved for every formula, and the checker of that proof."""
