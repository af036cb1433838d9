"""What the forwarders `elk` and `logstash` send: documents in the Elastic Common Schema."""
