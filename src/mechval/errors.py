"""The one exception type whose message is meant for the person at the command line."""


class MechvalError(ValueError):
    """A wrong input, told in one sentence: the field, the value and what is allowed.

    Entry points print the message and exit; they never show a traceback for it.
    """
