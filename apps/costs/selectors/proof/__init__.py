"""Rollups against records: what does not add up, by fingerprint and exactly, named in words."""

from apps.costs.selectors.proof.conversations import (
    START,
    Chunk,
    active_between,
    conversation_differences,
    missing_conversations,
    next_chunk,
)
from apps.costs.selectors.proof.differences import Difference, Span, differences, suspicious
from apps.costs.selectors.proof.folds import fold_differences
from apps.costs.selectors.proof.task_folds import task_fold_differences, task_folds_between, task_folds_to_prove
from apps.costs.selectors.proof.waste_folds import waste_fold_differences

__all__ = [
    "START",
    "Chunk",
    "Difference",
    "Span",
    "active_between",
    "conversation_differences",
    "differences",
    "fold_differences",
    "missing_conversations",
    "next_chunk",
    "suspicious",
    "task_fold_differences",
    "task_folds_between",
    "task_folds_to_prove",
    "waste_fold_differences",
]
