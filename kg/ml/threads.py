"""One thread for numerical work: the same result on any machine, and no fight for cores with the server."""

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """Inside, BLAS and OpenMP of numpy and scikit-learn use one thread."""
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits
