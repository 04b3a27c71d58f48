"""Measurements anyone can repeat; each prints ratios against an anchor measured in the same run."""
