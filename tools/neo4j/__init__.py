"""A real Neo4j server for development and tests, from Maven jars."""
