"""The SO-101's servo bus, sans-IO: packets and registers."""
