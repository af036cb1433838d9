"""The engine over what was recorded: the same functions that run live, with another clock."""
