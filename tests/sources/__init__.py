"""Tests of slo/sources."""
