"""The server on one port: API, pages, webhooks and access."""
