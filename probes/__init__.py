"""Probes, one kind a file: ask as a user would, on a fresh connection."""
