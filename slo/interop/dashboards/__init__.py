"""Dashboards for Grafana, Datadog and Kibana: one description of what is shown, and a writer for each of the three."""
