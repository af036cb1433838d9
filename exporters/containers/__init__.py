"""Logs of containers, as the kubelet keeps them in files on each node, read to be forwarded."""
