"""Tests of the whole process from outside."""
