"""For whoever writes a store or a loader: conformance suites, Hypothesis strategies and fixed examples."""
