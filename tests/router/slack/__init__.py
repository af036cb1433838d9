"""Tests of what Slack is told, and of what people do there."""
