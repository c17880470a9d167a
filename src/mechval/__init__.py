"""Mechanistic interpretations, stated as programs and validated by axioms."""

__version__ = "0.1.0"
