"""The command line: Hydra on one side, the library's pipeline on the other."""
