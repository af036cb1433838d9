"""Rules of a Prometheus for our SLOs: what they record is described in docs/rules.md."""
