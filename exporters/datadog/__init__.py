"""What the forwarder `datadog` sends, and how it talks to Datadog."""
