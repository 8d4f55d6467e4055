"""ComplEx with the nuclear 3-norm, for static graphs."""

from typing import ClassVar

import numpy as np

from kg.ml.links.embedding import Batch, Complex, EmbeddingModel, Params, n3, scatter_add
from kg.ml.links.facts import LinkGraph, Queries


class ComplExN3(EmbeddingModel):
    """score(h, r, t) = Re<e_h * w_r, conj(e_t)>; moments are ignored."""

    kind: ClassVar[str] = "complex-n3"

    def shapes(self, graph: LinkGraph) -> dict[str, tuple[int, int]]:
        rank = self.training.rank
        return {"entity": (len(graph.entities), rank), "relation": (2 * len(graph.relations), rank)}

    def encode(self, queries: Queries) -> Complex:
        return self.params["entity"][queries.heads] * self.params["relation"][queries.relations]

    def backward(self, batch: Batch, upstream: Complex, scale: float, grads: Params) -> float:
        queries = batch.queries
        head = self.params["entity"][queries.heads]
        relation = self.params["relation"][queries.relations]
        head_norm, head_grad = n3(head, batch.counts, scale)
        relation_norm, relation_grad = n3(relation, batch.counts, scale)
        scatter_add(grads["entity"], queries.heads, upstream * np.conj(relation) + head_grad)
        scatter_add(grads["relation"], queries.relations, upstream * np.conj(head) + relation_grad)
        return head_norm + relation_norm
