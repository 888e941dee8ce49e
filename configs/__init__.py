"""Facts and settings as data, shipped as package data."""
