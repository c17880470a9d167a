"""Short validations of other people's networks and of hand-set ones; each is run as a test."""
