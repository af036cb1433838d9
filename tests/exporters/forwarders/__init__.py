"""Tests of forwarders."""
