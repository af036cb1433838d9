"""Tests of what the forwarder `otlp` writes and is answered, with the official package as the judge."""
