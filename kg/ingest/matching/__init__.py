"""Which entities may be one: normal forms of names, candidates by blocks, scores with their reasons."""
