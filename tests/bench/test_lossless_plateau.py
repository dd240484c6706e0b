from graphdistill.bench.lossless_plateau import Curve


def test_a_row_has_the_first_check_above_the_target_and_the_best_one():
    curve = Curve(before=1.0, seconds=[2.0, 4.0, 6.0, 8.0], valid=[0.5, 0.7, 0.9, 0.8], test=0.85, steps=40)
    assert curve.row(0.7) == ["4.0", "6.0", "1.0", "0.900", "0.850", "40"]
    assert curve.row(0.95)[0] == "-"
