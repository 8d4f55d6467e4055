"""The commands of `jingwei`, one module each. Heavy imports wait until a command runs."""
