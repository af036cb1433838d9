"""Our probes beside Debian's blackbox exporter: the same blackbox.yml, the same targets, the same real servers."""
