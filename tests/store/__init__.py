"""Tests of slo/store."""
