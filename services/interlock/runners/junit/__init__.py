"""JUnit reports: which tests there were, which passed, which failed, and which of them somebody calls by name.

report = read_report(path.read_bytes())
report.ran_of(["quotes.test_gap_fill", "tests/test_orders.py::test_cancel_race"])
"""

from interlock.runners.junit.reading import REPORT_BYTES_MAX, NoReport, read_report, read_report_file
from interlock.runners.junit.report import Case, Report

__all__ = ["REPORT_BYTES_MAX", "Case", "NoReport", "Report", "read_report", "read_report_file"]
