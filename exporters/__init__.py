"""What hands our numbers out: the endpoints that Prometheus and the customer read."""
