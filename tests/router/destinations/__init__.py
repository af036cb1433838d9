"""Tests of slo.router.destinations."""
