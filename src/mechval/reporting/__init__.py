"""Tables and figures: what people read. Works from plain rows, never from a model."""
