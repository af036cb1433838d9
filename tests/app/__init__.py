"""Tests of slo/app."""
