"""One thin command each."""
