"""The node agent: what runs on a node of Kubernetes, and who of the agents watches what; and the view of a cluster."""
