"""Loaders: one module a format, from a source to an iterator of records; they know the model and no store."""
