"""Learning: link prediction, rules, calibration and site recommendation, as pure functions on arrays.

Nothing here opens a store, a socket or a clock. Randomness comes from a ``seed`` argument, and what was known at an
instant from :func:`kg.ml.known.known_at`.
"""
