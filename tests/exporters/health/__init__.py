"""Tests of exporters.health."""
