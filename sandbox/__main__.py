"""`python -m sandbox`: run the local stack. Settings: see settings.py."""

import sys

from sandbox import demo, settings, supervisor


def main() -> int:
    try:
        chosen = settings.from_environment()
    except settings.BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    return supervisor.run(chosen, when_ready=demo.play)


sys.exit(main())
