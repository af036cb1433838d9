"""Tests of exporters.mysql, and of the kind."""
