"""The circuit: clause prototypes, evaluating neurons, and the evidence for them."""
