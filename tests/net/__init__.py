"""Tests of slo/net."""
