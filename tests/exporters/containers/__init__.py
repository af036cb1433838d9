"""Tests of `exporters.containers`."""
