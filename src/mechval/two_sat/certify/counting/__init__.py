"""Block 1 after γ_1 and the programs, counted on every formula."""
