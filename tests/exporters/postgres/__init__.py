"""Tests of exporters.postgres and of the collector that is made of it."""
