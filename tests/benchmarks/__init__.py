"""Tests of what benchmarks reckon, not of what they measure."""
