"""How results are shown: tables, figures and the page, from frames alone."""

from gdbench.reports.page import render
from gdbench.reports.ranking_table import ranking

__all__ = ["ranking", "render"]
