"""Benchmarks: each prints its figures and its ratios against a peer of the same run."""
