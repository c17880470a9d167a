"""Mechanistic interpretations, stated as programs and validated by axioms."""
