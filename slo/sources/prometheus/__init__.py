"""SLIs that a Prometheus-compatible server is asked for: what it is asked, what it answers, and what that counts."""
