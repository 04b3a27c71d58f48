"""Imports of usage from files of other tools, through the same ingest as the API."""

from apps.costs.services.imports.report import RefusedRow, Report
from apps.costs.services.imports.running import Progress, Wanted, import_file

__all__ = ["Progress", "RefusedRow", "Report", "Wanted", "import_file"]
