"""The policy's benchmark, cut short."""

from tools.bench_policy import bench_policy
from tools.onnx import CLOSE


def test_both_ways_are_timed_and_act_alike():
    report = bench_policy(blocks=1)
    assert {name for name in report if "torch" in name or "onnx" in name} == {
        f"{config} {way} ms p{share}"
        for config in ("fast", "experiment")
        for way in ("torch", "onnx")
        for share in (50, 99)
    }
    assert min(report.values()) > 0 and report["fast actions apart"] < CLOSE > report["experiment actions apart"]
