"""Prometheus text and OpenMetrics: read, written, and the catalogue of our own metrics."""
