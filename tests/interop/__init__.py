"""Tests of slo/interop."""
