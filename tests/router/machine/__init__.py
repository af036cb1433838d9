"""The router as a whole among its vendors: real journal, real destinations, real HTTP, and kills at every step."""
