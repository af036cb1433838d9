"""The configuration: from YAML with positions to checked records, with every error at once."""
