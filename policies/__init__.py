"""Everything that turns an observation into a command."""
