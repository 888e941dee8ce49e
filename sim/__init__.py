"""The MuJoCo twin of the arm and the lift scene behind the Robot interface."""
