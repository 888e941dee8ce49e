"""What each verb takes: a module each, and light, so that --help and a misspelt flag are answered at once."""
