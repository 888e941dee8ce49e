"""Evaluation counts what happened, and learning reads what was recorded in step with it."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.datasets import Dataset
from control.episodes import Provenance
from control.errors import CheckpointError
from control.loop import play, run_episode
from control.types import ResetRequest, Spawn, Verdict
from policies.behaviours import Blind
from policies.learned import Notes, require_calibration, write_notes
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot
from tools.cli import main
from training.collect import dataset_info
from training.evaluate import EVALUATION_SEED, Report, evaluate, failure, requests, sentence
from training.experience import from_episode, from_steps
from training.lift import HELD_STEPS, LiftState, LiftTask, load_reward
from training.settings import TaskConfig
from training.teachers import Teacher

PX = 24
FAR = dict(tool_to_cube_m=0.2, pad_to_cube_m=0.2, cube_m=0.015, gripper_rad=0.8, grasping=False)
NEAR = FAR | dict(tool_to_cube_m=0.01)
SHUT = NEAR | dict(gripper_rad=0.1)
GRIP = NEAR | dict(gripper_rad=0.18, grasping=True)
HIGH = GRIP | dict(cube_m=0.09)


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig(camera_px=PX)) as robot:
        yield robot


def states(*given: dict) -> list[LiftState]:
    return [LiftState(**g, was_grasping=False, held_steps=g.get("held", 0), step=t) for t, g in enumerate(given, 1)]


@pytest.mark.parametrize(
    "path, reason",
    [
        ([FAR], "never reached"),
        ([FAR, NEAR], "reached, not closed"),
        ([NEAR, SHUT], "reached, not closed"),
        ([NEAR, GRIP, SHUT], "slipped"),
        ([NEAR, GRIP, SHUT | dict(cube_m=0.09)], "slipped"),  # it flew: nobody held it
        ([NEAR, GRIP, HIGH, NEAR], "dropped"),
        ([NEAR, GRIP, HIGH], "timeout"),
    ],
)
def test_a_failure_is_named_by_how_far_it_got(path, reason):
    assert failure(states(*path)) == reason


def test_a_success_has_no_failure():
    held = LiftState(**HIGH, was_grasping=True, held_steps=HELD_STEPS, step=1)
    assert failure([held]) == ""


def test_a_report_agrees_with_its_episodes(robot):
    task, teacher, seen = LiftTask(load_reward("v13"), 0.99), Teacher(SpacesConfig())(robot, 0), []
    resets = requests(TaskConfig(), EVALUATION_SEED, 4)
    report = evaluate(robot, teacher, task, resets, 200, watch=seen.append)
    summary = report.summary()
    assert summary["n"] == 4 and summary["success"] == 1.0 and 0.5 < summary["low"] < 1 == summary["high"]
    assert sum(episode.steps for episode in report.episodes) == len(seen)
    for episode in report.episodes:
        assert episode.time_s == episode.steps / 10
        assert episode.cube_z_min_m <= 0.016 < 0.08 < episode.cube_z_final_m <= episode.cube_z_max_m
        assert episode.grasping_steps >= HELD_STEPS and episode.grasping_share == episode.grasping_steps / episode.steps
        assert episode.gripper_min_rad <= episode.gripper_mean_rad <= episode.gripper_max_rad
        assert episode.reward > 10
    assert summary["median_time_s"] == np.median([episode.time_s for episode in report.episodes])
    assert "4 of 4 lifted" in sentence(summary)


def test_a_lift_for_which_no_bound_is_known_is_left_out_of_the_ratio(robot):
    arm = Arm.from_facts()
    still = Blind(Spaces(SpacesConfig(), arm), 0.0, 0)
    far = ResetRequest("home", EVALUATION_SEED, Spawn((0.36, 0.36), (0.0, 0.0), (0.1, 0.1)))
    report = evaluate(robot, still, LiftTask(load_reward("sparse"), 0.97), [far], 2, arm=arm)
    [episode] = report.episodes
    assert episode.bound_s is None and json.loads(json.dumps(report.table(), allow_nan=False))[0]["bound_s"] is None
    lifted = [replace(episode, success=True, time_s=2.0, bound_s=bound) for bound in (None, 1.0, 1.6)]
    assert Report(tuple(lifted)).median_ratio == pytest.approx((2.0 + 1.25) / 2)


def recorded(robot, folder, spaces, reward="sparse", seed=3):
    """An episode lived through, and the same one read back from disk."""
    dataset = Dataset.create(folder, dataset_info(robot.spec, spaces))
    task, policy = LiftTask(load_reward(reward), 0.97), Teacher(spaces, noise=0.3)(robot, seed)
    with dataset.recorder(0, Provenance("scripted", seed, "near")) as recorder:
        steps = list(play(robot, policy, task, ResetRequest("near", seed), 80))
        recorder.start(steps[0].before, steps[0].truth_before)
        for step in steps:
            recorder.add(step.command, step.after, step.verdict, step.truth)
        recorder.finish(steps[-1].verdict.success)
    return steps, dataset.read(0)


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_what_is_learned_from_disk_is_what_was_lived_to_the_bit(robot, tmp_path, repeat):
    config = SpacesConfig(camera_px=PX, action_repeat=repeat)
    spaces = Spaces(config, Arm.from_facts())
    steps, episode = recorded(robot, tmp_path / "d", config)
    lived, read = from_steps(steps, spaces), from_episode(episode, spaces, LiftTask(load_reward("sparse"), 0.97))
    for name in ("frames", "proprio", "action", "label", "reward", "discount"):
        assert (getattr(lived, name) == getattr(read, name)).all(), name
    assert len(read.action) == -(-len(steps) // repeat)
    assert read.discount[-1] == 1 - steps[-1].verdict.success and read.reward.sum() == steps[-1].verdict.success
    assert repeat > 1 or steps[-1].verdict.success


def test_replaying_the_actions_from_their_reset_gives_the_observations_stored_beside_them(robot, tmp_path):
    config = SpacesConfig(camera_px=PX)
    spaces = Spaces(config, Arm.from_facts())
    _, episode = recorded(robot, tmp_path / "d", config)
    seen = robot.reset(ResetRequest("near", 3))
    for t, action in enumerate(episode.action):
        assert (seen.joints_rad == episode.joints_rad[t]).all(), (
            f"observation {t} is not the one action {t} was chosen on"
        )
        assert (seen.frames["wrist_cam"].rgb == episode.frames["wrist_cam"][t]).all()
        seen = robot.step(spaces.command(action, seen))


def test_a_dataset_can_be_judged_by_another_reward_than_it_was_recorded_with(robot, tmp_path):
    config = SpacesConfig(camera_px=PX)
    spaces = Spaces(config, Arm.from_facts())
    _, episode = recorded(robot, tmp_path / "d", config, reward="sparse")
    task = LiftTask(load_reward("v13"), 0.97)
    verdicts = run_episode(robot, Teacher(config, noise=0.3)(robot, 3), task, ResetRequest("near", 3), 80)
    assert from_episode(episode, spaces, task).reward == pytest.approx([v.reward for v in verdicts], abs=1e-6)


@pytest.mark.parametrize("policy, success", [("scripted", 1.0), ("zero", 0.0), ("random", 0.0)])
def test_eval_prints_one_line_of_json(policy, success, tmp_path, capsys):
    arguments = ["eval", policy, "--episodes", "2", "--curriculum-stage", "3", "--output", str(tmp_path), "--json"]
    assert main([*arguments, "--set", "task.limit_steps=40"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    figures = json.loads(line)
    assert figures["success"] == success and figures["n"] == 2 and figures["stage"] == "near"
    assert {"low", "high", "median_time_s"} <= figures.keys()
    (kept,) = tmp_path.iterdir()
    assert json.loads((kept / "report.json").read_text())["success"] == success


class Believing(LiftTask):
    """A judge who knows the truth and says something else."""

    def __init__(self, success: bool):
        super().__init__(load_reward("sparse"), 0.97)
        self._says = success

    def judge(self, observation, command, truth):
        super().judge(observation, command, truth)
        self.states[-1] = replace(self.states[-1], held_steps=99 if self._says else 0)
        return Verdict(0.0, 0.0 if self._says else 1.0, self._says, {})


@pytest.mark.parametrize(("script", "believes", "false", "missed"), [("zero", True, 1, 0), ("scripted", False, 0, 1)])
def test_a_witness_tells_lifts_that_are_none_and_lifts_that_were_missed(robot, script, believes, false, missed):
    spaces, witness = SpacesConfig(camera_px=PX), LiftTask(load_reward("sparse"), 0.97)
    grasp, nothing = Teacher(spaces)(robot, 7), Blind(Spaces(spaces, robot.arm), 0.0, 7)
    policy, (request,) = grasp if script == "scripted" else nothing, requests(TaskConfig(stage="near"), 7, 1)
    with_witness = evaluate(robot, policy, Believing(believes), [request], 40, witness=witness)
    summary = with_witness.summary()
    assert (summary["false"], summary["missed"]) == (false, missed)
    assert f"by the truth {false} of these are none, and {missed} of the others are lifts" in sentence(summary)
    without = evaluate(robot, policy, Believing(believes), [request], 40).summary()
    assert "false" not in without and "by the truth" not in sentence(without)


def test_an_arm_that_tidies_up_lifts_by_feel_from_the_command_line(tmp_path, capsys):
    flags = ["--own-reset", "--by-feel", "--curriculum-stage", "home", "--episodes", "3", "--workers", "1"]
    assert main(["eval", "sighted", *flags, "--output", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["success"] == 1.0 and (figures["false"], figures["missed"]) == (0, 0)


def test_a_film_shows_three_sides(tmp_path):
    import av

    assert main(["eval", "scripted", "--episodes", "1", "--video", "--output", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*/eval.mp4")
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].codec_context.name == "h264"
    assert len(frames) > 20 and frames[0].shape == (360, 1320, 3)
    wrist, front, overhead = frames[0][:, :360], frames[0][:, 360:840], frames[0][:, 840:]
    red = [((v[..., 0] > 120) & (v[..., 1] < 70)).sum() for v in (wrist, front, overhead)]
    assert red[0] > 300 and red[1] > 50, f"red pixels of the cube: {red}"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["eval", "nowhere"], "no policy at nowhere"),
        (["eval", "scripted", "--curriculum-stage", "7"], "no curriculum stage 7"),
        (["eval", "scripted", "--episodes", "0"], "--episodes"),
        (["eval", "scripted", "--set", "task.rewrd=v13"], "did you mean: reward"),
        (["eval", "scripted", "--set", "task.cube_x_m=[160, 300]"], "is it mm?"),
        (["eval", "scripted", "--set", "task.reward=v12"], "v13"),
        (["eval", "sighted", "--own-reset", "--curriculum-stage", "near"], "add --curriculum-stage home"),
        (["eval", "told"], "give --cube x,y,yaw"),
        (["eval", "nowhere", "--set", "spaces.actions=joints"], "acts in the spaces that it learned in; leave it out"),
        (["eval", "scripted", "--robot", "arm7.yaml"], "there is no file arm7.yaml; twinarm find prints one"),
        (["eval", "scripted", "--robot", "reel"], "no robot called reel"),
        (["eval", "scripted", "--output", "README.md"], "README.md: File exists"),
        (["audit", "--output", "README.md"], "README.md: File exists"),
        (["train", "--bootstrap", "nowhere"], "no dataset at nowhere"),
        (["train", "--config", "lift_fast.yaml"], "needs demonstrations"),
        (
            ["train", "--set", "bootstrap.mode=none", "--set", "spaces.camera=front"],
            "camera is front, the robot has wrist_cam",
        ),
        (["train", "--bootstrap", "tests", "--set", "bootstrap.mode=none"], "would be learned from tests; leave"),
        (["learn", "ipc://{}/l", "--bootstrap", "tests", "--set", "bootstrap.mode=none"], "learned from tests; leave"),
        (["resume", "nowhere"], "no run"),
        (["model", "--out", "README.md"], "README.md exists"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    needs_place = arguments[0] not in ("resume", "model") and "--output" not in arguments
    where = ["--output", str(tmp_path)] if needs_place else []
    assert main([*(word.format(tmp_path) for word in arguments), *where]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("twinarm:")]
    assert len(said) == 1 and words in said[0], said


@pytest.mark.parametrize("damage", ["truncated", "other rate", "other pixels", "not a policy"])
def test_a_policy_that_does_not_fit_is_refused_with_the_reason(damage, tmp_path, capsys):
    from policies.actor import NetConfig, PolicyNet, Shapes, save_policy

    path, px = tmp_path / "policy.safetensors", 48 if damage == "other pixels" else 64
    net = PolicyNet(Shapes((3, px, px), 7, 5), NetConfig(strides=(3, 2), hidden=32))
    notes = Notes(SpacesConfig(camera_px=px, frame_stack=1), 25.0 if damage == "other rate" else 10.0, 0, "")
    save_policy(net, path, write_notes(notes))
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    if damage == "not a policy":
        path.write_text("hello")
    assert (
        main(["eval", str(path), "--episodes", "1", "--config", "lift_fast.yaml", "--output", str(tmp_path / "o")]) == 2
    )
    words = {
        "truncated": "not a whole policy",
        "other rate": "25 Hz",
        "other pixels": "48",
        "not a policy": "not a whole",
    }
    assert words[damage] in capsys.readouterr().err


ROBOTS = {"a simulator": "exact", "the arm itself": "abc", "another arm": "xyz"}


@pytest.mark.parametrize(
    "learned, where, refused",
    [
        (("exact",), "another arm", False),
        (("abc", "exact"), "a simulator", False),
        (("abc", "exact"), "the arm itself", False),
        (("abc", "exact"), "another arm", True),
        ((), "another arm", False),
    ],
)
def test_a_policy_goes_to_no_arm_that_is_calibrated_otherwise(robot, learned, where, refused):
    spec = replace(robot.spec, calibration=ROBOTS[where])
    notes = Notes(SpacesConfig(), 10.0, 0, "", learned)
    with pytest.raises(CheckpointError, match="calibration abc, this one has xyz") if refused else nullcontext():
        require_calibration(notes, spec, Path("policy.safetensors"))
