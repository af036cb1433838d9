"""Mail, beside its kind: letters, and how they are handed over."""
