"""A secured Query → one SQL statement whose result is the answer's JSON text."""
