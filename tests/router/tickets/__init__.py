"""Tests of slo/router/tickets."""
