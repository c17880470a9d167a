"""What instruments catch: networks with a planted fault or none, and claims about them, judged."""
