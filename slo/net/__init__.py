"""The network below the checks: HTTP/1, TLS, name resolution, and the guard over where we may connect."""
