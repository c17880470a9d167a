"""One self-contained HTML page per run, and an index over all runs: what a reviewer opens first.

Built from tracked tables and figures alone, and never part of a stage: no manifest lists it. It
shows the sections of the study's report; what it says besides comes as
:class:`~.content.PageContent`.
"""
