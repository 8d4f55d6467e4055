"""How a ChangeSet becomes row operations: one pure planner that all stores share."""
