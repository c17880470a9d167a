"""Rows of the tables of stage ``certify`` that the report reads; field names are column names."""

from mechval.two_sat.certify.parsing.certificate import CaseStatus
from mechval.two_sat.report.report_records import Record


class ParsingRow(Record):
    """A row of ``certify/parsing.csv``."""

    clause_position: int
    clause: int
    literals: str
    status: CaseStatus
    margin: float
    numerical_error: float
    attained_margin: float
    own_clause_attention: float
    n_unstable: int
    n_branches: int
    stopped_by: str | None


class DriftRow(Record):
    """A row of ``certify/drift.csv``."""

    source: str
    n: int
    certified: int
    share: float
    median_margin: float
    median_drift: float
    least_drift: float
