"""Training towards the stated interpretation, until it can be proved."""
