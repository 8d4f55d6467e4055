"""A query is a value: the algebra, what a Scope makes of it, its printer, its reference interpreter."""
