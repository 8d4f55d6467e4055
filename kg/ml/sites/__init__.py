"""Site recommendation: which regions suit a brand, and which named reasons make up each score."""
