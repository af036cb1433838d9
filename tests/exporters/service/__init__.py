"""Tests of exporters.service."""
