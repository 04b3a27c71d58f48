"""Pages and fragments of usage and cost."""
