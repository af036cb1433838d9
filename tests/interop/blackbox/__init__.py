"""The options of the blackbox exporter that Debian's does not have yet, and those that are refused."""
