"""Formats of others: rules of Prometheus, SLOs of Sloth and OpenSLO."""
