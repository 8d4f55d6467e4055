"""Link prediction: embeddings, rules, recurrence, their blend, and the evaluation of all of them."""
