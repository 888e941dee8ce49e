"""Configurations that ship with twinarm, by what they are for."""

EXPERIMENT, FAST, LIVE = "drqv2_lift_s3_v13.yaml", "lift_fast.yaml", "lift_live.yaml"
