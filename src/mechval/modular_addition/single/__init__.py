"""One sum explained."""
