"""Tests of slo/config."""
