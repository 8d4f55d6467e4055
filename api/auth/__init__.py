"""Who may see what: API keys → Grants → Scopes; the audit file."""
