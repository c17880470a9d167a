"""How far the real network may drift from what γ_1 freezes."""
