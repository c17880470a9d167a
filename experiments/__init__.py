"""The command line: Hydra on one side, the library's pipeline on the other."""

import sys

from experiments.exits import tell_interruption

# While a command is still being imported, too.
sys.excepthook = tell_interruption
