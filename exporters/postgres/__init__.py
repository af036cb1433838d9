"""What a PostgreSQL tells of itself: the statements that ask for it, and what their rows mean."""
