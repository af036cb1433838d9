"""Tests of slo/demo."""
