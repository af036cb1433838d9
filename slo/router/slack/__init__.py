"""Slack, beside its kind: the Web API, how an incident is shown, and what people press."""
