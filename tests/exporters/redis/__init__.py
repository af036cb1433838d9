"""Tests of what a Redis tells of itself, most of them beside real servers."""
