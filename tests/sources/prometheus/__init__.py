"""Tests of SLIs from Prometheus-compatible servers."""
