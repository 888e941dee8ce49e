"""What can go wrong, by who must act.

    TwinarmError                any failure this package announces in words
    ├── UserError               a mistake in a flag, file or folder; commands print it and exit with 2
    │   ├── ConfigError         a key, a type or a unit in a configuration
    │   ├── DatasetError        a folder of episodes that cannot be used
    │   ├── CheckpointError     a checkpoint that is truncated or made for other spaces
    │   ├── GraphicsError       no headless OpenGL
    │   ├── PortError           a serial port that cannot be opened
    │   └── CalibrationError    a calibration that is none, or another arm's
    ├── BusError                the servos' line
    │   ├── BusLost             the port is gone
    │   ├── ServoSilent         one servo does not answer
    │   ├── NotKept             a servo does not hold a setting that was written to it
    │   └── DriverLost          the process that owns the servos is gone
    ├── CameraError             a camera whose pictures may not be acted upon
    ├── CommandRefused          a command the robot will not execute (not finite, wrong shape)
    └── LinkError               the other end of a wire
        ├── LinkTimeout         no answer in time; the message names the endpoint and the wait
        ├── VersionMismatch     the peer speaks another version or schema
        ├── PeerRestarted       the server that answered is not the one that said hello
        ├── LeaseHeld           somebody else drives this robot
        └── NotPermitted        the key that was shown is of a lesser role

Every message names the thing, the number and the next move.
"""


class TwinarmError(Exception):
    """Base of every announced failure."""


class UserError(TwinarmError):
    """A mistake the person at the keyboard can mend."""


class ConfigError(UserError):
    """An unknown key, a wrong type or an implausible unit."""


class DatasetError(UserError):
    """A dataset folder that is missing, empty, half-written or of another kind."""


class CheckpointError(UserError):
    """A checkpoint that is truncated or made for other spaces."""


class GraphicsError(UserError):
    """This machine cannot render without a display."""


class PortError(UserError):
    """A serial port that is missing, forbidden or in use."""


class CalibrationError(UserError):
    """A calibration that cannot be used."""


class BusError(TwinarmError):
    """The conversation with the servos failed."""


class BusLost(BusError):
    """The port is gone."""


class ServoSilent(BusError):
    """A servo did not answer, asked as often as is bearable."""


class NotKept(BusError):
    """A servo does not hold a setting that was written to it."""


class DriverLost(BusError):
    """The process that owns the servos did not start, or is gone; the arm holds."""


class CameraError(TwinarmError):
    """A camera that is lost, late, frozen, blind or another one."""


class CommandRefused(TwinarmError):
    """A command that no robot executes."""


class LinkError(TwinarmError):
    """The conversation with a remote peer failed."""


class LinkTimeout(LinkError):
    """The peer did not answer in time."""


class VersionMismatch(LinkError):
    """The peer speaks another protocol version or schema."""


class PeerRestarted(LinkError):
    """The peer forgot this session; what was in flight is not executed again."""


class LeaseHeld(LinkError):
    """Somebody else drives this robot."""


class NotPermitted(LinkError):
    """The peer's role does not allow it."""
