"""Jingwei's core: schema, model, query algebra, stores and the analytics on top of them."""
