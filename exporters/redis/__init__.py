"""What a Redis tells of itself: read, and said in the metrics of redis_exporter."""
