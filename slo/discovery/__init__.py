"""Discoveries: where the targets of probes are found. One kind a file."""
