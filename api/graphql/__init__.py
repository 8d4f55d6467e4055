"""GraphQL: types made from the Schema, operations compiled to one Query each."""
