"""Tests of slo/core."""
