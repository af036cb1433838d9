"""What the forwarder to Datadog sends."""
