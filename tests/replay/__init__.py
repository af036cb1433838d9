"""The engine over recordings."""
