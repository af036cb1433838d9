"""PagerDuty, beside its kind: events, its REST API, its webhooks, and who is a person there."""
