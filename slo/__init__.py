"""Watchkeep: stands the watch over a managed service and keeps its error budgets."""
