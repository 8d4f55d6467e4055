"""What bench_neo4j.py compares: facts, the layout that one would draw by hand, @neo4j/graphql over it, and ours."""
