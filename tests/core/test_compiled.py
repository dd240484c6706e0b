from graphdistill.core.compiled import compiled


def test_functions_are_compiled_at_their_first_call():
    def twice(x):
        return 2 * x

    function = compiled(twice)
    assert function.signatures == []
    assert function(1.5) == twice(1.5)
    assert len(function.signatures) == 1
