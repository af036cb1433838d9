"""Tests of slo/router."""
