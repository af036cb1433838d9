"""A stand-in for PagerDuty: its Events API v2, its REST API v2 as far as incidents go, its webhooks v3, its people."""
