"""Commands that tests run in this process, word by word."""

from graphdistill.core.command import cli


def runner(main, command, prog, family=None):
    """A function that runs a command with its words and returns the exit code."""

    def run(*words):
        argv = [str(word) for word in words]
        return cli.run(main, command, prog=prog, description="Test.", argv=argv, family=family)

    return run
