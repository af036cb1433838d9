"""Ticket systems, beside their kinds: calls that make one ticket, and what is said on it."""
