"""The report on agents: learning curves over seeds, the worst named, what they do and think."""
