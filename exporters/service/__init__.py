"""What services say of their own health."""
