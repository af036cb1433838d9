"""How telemetry goes to others: what each gets, the spool that it waits in, and how it is sent."""
