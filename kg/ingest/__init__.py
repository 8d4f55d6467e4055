"""Ingest: records and a mapping → ChangeSets, with receipts, rejects and identity candidates."""
