"""Tests of slo/exposition."""
