"""A stand-in for Zendesk Support: as much of REST v2 as tickets need, its tickets, its webhooks."""
