"""What both sides of the wire share: types, protocols, kinematics, governor, wire, episodes."""
