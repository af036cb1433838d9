"""Tests of slo/discovery."""
