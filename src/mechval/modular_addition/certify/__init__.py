"""Pairs that fail."""
