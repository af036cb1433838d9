"""Tests of slo/cli."""
