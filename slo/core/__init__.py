"""Pure records and decisions: no I/O, no clock, nothing but the standard library and RE2."""
