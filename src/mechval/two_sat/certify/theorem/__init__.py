"""Every axiom proved on every formula, for networks where a closed form shows it, and the check."""
