"""Tests of how telemetry goes to others."""
