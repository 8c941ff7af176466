"""A submission runs in a sandbox; the tests run outside it, and see of it nothing but plain data."""
