"""Tests of the kinds of collectors."""
