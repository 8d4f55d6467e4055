"""The ontology that ships with Jingwei: Turtle modules with SHACL shapes. Data only; `kg.schema` reads it."""
