"""Learning wired to a store: reads what was known through the port's scan, keeps models beside the store, answers.

`kg.ml` itself knows no store; what it needs from one is read here, with a Scope and a split instant of the
system clock.
"""
