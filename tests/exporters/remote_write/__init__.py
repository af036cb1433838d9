"""Tests of what is sent as Prometheus remote write."""
