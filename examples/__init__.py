"""The demo park: source files that the ordinary loaders load. All of it is synthetic."""
