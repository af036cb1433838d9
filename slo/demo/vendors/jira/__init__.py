"""A stand-in for Jira Cloud: as much of REST v3 as tickets need, its issues, its webhooks."""
