"""Everything that knows HTTP and the command line."""
