"""The pure engine: counts by slot, windows, burn rates, alerts, and their explanation."""
