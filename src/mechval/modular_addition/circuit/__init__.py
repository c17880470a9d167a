"""The circuit: frequencies and what they carry."""
