"""The composition root: configuration, wiring, tasks, shutdown. The only place that knows both ends."""
