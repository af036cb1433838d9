"""Destinations, one kind a file: where a notification goes."""
