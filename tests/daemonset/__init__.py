"""Tests of daemonset."""
