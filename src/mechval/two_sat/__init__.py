"""Case study 1: a transformer that decides 2-SAT, its data, its circuit and its interpretation."""
