"""What the forwarder `remote_write` sends, byte by byte."""
