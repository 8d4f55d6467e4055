"""The production store: a Neo4j server, through the official async driver."""
