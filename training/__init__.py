"""The lift task, its rewards, and learning from demonstrations."""
