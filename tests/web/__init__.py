"""Tests of slo/web."""
