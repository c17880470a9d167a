"""The claim: the program, its translations, and what it is held against."""
