"""Tests of slo/runner."""
