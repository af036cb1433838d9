"""Tests of slo/engine."""
