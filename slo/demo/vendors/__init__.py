"""Strict local stand-ins for vendors: they refuse what the vendor refuses and keep what the vendor keeps."""
