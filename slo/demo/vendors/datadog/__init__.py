"""A stand-in for Datadog: its intake of metrics and logs, its SLOs and their corrections."""
