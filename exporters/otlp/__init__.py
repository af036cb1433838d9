"""What the forwarder `otlp` sends and what it is answered, byte by byte."""
