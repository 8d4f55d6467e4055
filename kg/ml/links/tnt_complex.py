"""TNTComplEx: a temporal and a non-temporal relation side by side."""

from typing import ClassVar

import numpy as np

from kg.ml.links.embedding import Batch, Complex, EmbeddingModel, Params, n3, scatter_add
from kg.ml.links.facts import LinkGraph, Queries


class TNTComplEx(EmbeddingModel):
    """score(h, r, t, m) = Re<e_h * (w_r * u_m + v_r), conj(e_t)>, with neighbouring moments u_m kept alike."""

    kind: ClassVar[str] = "tnt-complex"

    def shapes(self, graph: LinkGraph) -> dict[str, tuple[int, int]]:
        rank, relations = self.training.rank, 2 * len(graph.relations)
        return {
            "entity": (len(graph.entities), rank),
            "temporal": (relations, rank),
            "static": (relations, rank),
            "moment": (len(graph.moments), rank),
        }

    def tail_weight(self) -> float:
        return 2.0

    def encode(self, queries: Queries) -> Complex:
        p = self.params
        relation = p["temporal"][queries.relations] * p["moment"][queries.moments] + p["static"][queries.relations]
        return p["entity"][queries.heads] * relation

    def backward(self, batch: Batch, upstream: Complex, scale: float, grads: Params) -> float:
        p, queries = self.params, batch.queries
        head = p["entity"][queries.heads]
        temporal, static = p["temporal"][queries.relations], p["static"][queries.relations]
        moment = p["moment"][queries.moments]
        bound = temporal * moment
        head_norm, head_grad = n3(head, batch.counts, scale * self.tail_weight())
        bound_norm, bound_grad = n3(bound, batch.counts, scale)
        static_norm, static_grad = n3(static, batch.counts, scale)
        scatter_add(grads["entity"], queries.heads, upstream * np.conj(bound + static) + head_grad)
        to_relation = upstream * np.conj(head)
        scatter_add(grads["static"], queries.relations, to_relation + static_grad)
        to_bound = to_relation + bound_grad
        scatter_add(grads["temporal"], queries.relations, to_bound * np.conj(moment))
        scatter_add(grads["moment"], queries.moments, to_bound * np.conj(temporal))
        return head_norm + bound_norm + static_norm + self._smoothness(grads["moment"])

    def _smoothness(self, grad: Complex) -> float:
        """smooth / (moments - 1) * sum of |u_(m+1) - u_m|^3."""
        moments = self.params["moment"]
        if len(moments) < 2 or self.training.smooth == 0.0:
            return 0.0
        value, slope = n3(
            moments[1:] - moments[:-1], np.ones(len(moments) - 1), self.training.smooth / (len(moments) - 1)
        )
        grad[1:] += slope
        grad[:-1] -= slope
        return value
