"""Sources: what turns outcomes, scrapes and Prometheus queries into counts."""
