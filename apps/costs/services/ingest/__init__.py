"""Ingest: usage in, priced, stored and rolled up in one transaction. The one way usage enters Bursar."""

from apps.costs.services.ingest.recording import IngestResult, Outcome, preview_rows, record_usage

__all__ = ["IngestResult", "Outcome", "preview_rows", "record_usage"]
