"""A room of clients that share one dictionary: load, live figures, and a check at the end.

A server runs in a process of its own, and the clients connect to it over WebSockets; look at the
address that it prints with a browser meanwhile. Clients publish their avatar 30 times a second and
follow everybody, each at its own pace (5 to 60 Hz); some come late, leave, or step out for a while.
With a recording, one client replays it and the others follow. In the end every client takes what is
still to come, and its replica is compared with the content.

With --threads or --asyncio there is no server: all of it is one process, and every client is a
thread, or a task of one event loop.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    from rich.console import Console

    from roomkit import measure
    from roomkit.avatars import synthetic
    from roomkit.implementations import UnavailableError, extension, model
    from roomkit.interrupt import Interrupt
    from roomkit.load import Load, replay
    from roomkit.measure import Outcome
    from roomkit.recording import read_recording
    from roomkit.records import RecordingError
    from roomkit.report import LiveDisplay, problems, table
    from roomkit.sockets import ServerError, SocketRoom
    from roomkit.tasks import AsyncioRoom
    from roomkit.threads import ThreadedRoom, TooManyThreadsError
except ModuleNotFoundError as missing:
    sys.exit(f"room.py: error: {missing}; the demo needs: pip install rich msgpack websockets")
except KeyboardInterrupt:
    sys.exit(130)

OK, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
DEFAULT_SECONDS = 5.0
# Everybody gets what everybody publishes, so that the work grows with the square of the clients.
MOST_PUBLISHERS = 50


def positive_int(text: str) -> int:
    """Return the argument as a whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return value


def positive_float(text: str) -> float:
    """Return the argument as a number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


# argparse names a type by its function when the text is not a number at all.
positive_int.__name__ = "whole number"
positive_float.__name__ = "number"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the checked options."""
    definitions = (measure.__doc__ or "").partition("\n\n")[2]
    parser = argparse.ArgumentParser(
        prog="room.py",
        description=__doc__,
        epilog=f"what the table says:\n\n{definitions}\n"
        f"exit status: {OK} all is well, {WRONG} a replica differs or a client failed,\n"
        f"{USAGE} wrong options or an unusable recording, {INTERRUPTED} ended by Ctrl-C",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--clients", type=positive_int, default=50, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--publishers",
        type=positive_int,
        metavar="N",
        help=f"let only N of the clients publish (default: all, but at most {MOST_PUBLISHERS})",
    )
    parser.add_argument(
        "--rate",
        type=positive_float,
        metavar="HZ",
        help="let all clients follow at this pace (default: 5 to 60 Hz, dealt out in turn)",
    )
    without = parser.add_mutually_exclusive_group()
    without.add_argument(
        "--threads", action="store_true", help="without a server: clients are threads"
    )
    without.add_argument(
        "--asyncio", action="store_true", help="without a server: all are tasks of one event loop"
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        metavar="S",
        help=f"length of the run (default: {DEFAULT_SECONDS:g}, or the whole recording)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the synthetic room (default: %(default)s)"
    )
    parser.add_argument(
        "--recording",
        type=Path,
        metavar="FILE",
        help="replay this: JSON lines with t, updates and removals (plain or gzip), "
        "or a .nanover.zip",
    )
    parser.add_argument(
        "--speed", type=positive_float, metavar="X", help="speed of the replay (default: 1)"
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="run the same load on the plain-Python model first, in threads, and show both",
    )
    options = parser.parse_args(arguments)
    if options.speed is not None and options.recording is None:
        parser.error("--speed is of a replay: it needs --recording FILE")
    if options.publishers is not None and options.recording is not None:
        parser.error("--publishers is of the synthetic room: a recording has one publisher")
    if options.publishers is not None and options.publishers > options.clients:
        parser.error(f"--publishers must be at most --clients, which is {options.clients}")
    if options.compare and options.asyncio:
        parser.error("--compare needs threads: the plain-Python model does not support --asyncio")
    options.threads = options.threads or options.compare
    return options


def make_load(options: argparse.Namespace) -> Load:
    """Return what the options ask to be played."""
    title = f"{options.clients} clients"
    if options.rate is not None:
        title += f" at {options.rate:g} Hz"
    if options.asyncio:
        title += " on one event loop"
    elif not options.threads:
        title += " over WebSockets"
    if options.recording is None:
        publishers = options.publishers or min(options.clients, MOST_PUBLISHERS)
        if publishers < options.clients:
            title += f", {publishers} of them publish"
        return synthetic(
            clients=options.clients,
            publishers=publishers,
            rate=options.rate,
            seconds=options.seconds or DEFAULT_SECONDS,
            seed=options.seed,
            title=f"{title}, synthetic",
        )
    speed = options.speed or 1.0
    return replay(
        read_recording(options.recording),
        clients=options.clients,
        rate=options.rate,
        speed=speed,
        limit=options.seconds,
        title=f"{title}, {options.recording.name} at speed {speed:g}",
    )


def play(load: Load, options: argparse.Namespace, console: Console) -> list[Outcome]:
    """Play the load over sockets, or on one implementation after the other."""
    if options.threads or options.asyncio:
        room_type = AsyncioRoom if options.asyncio else ThreadedRoom
        implementations = [model(), extension()] if options.compare else [extension()]
        rooms = [(room_type(load, one), one.name) for one in implementations]
        return play_each(load, rooms, room_type.INTERRUPTIONS, console)

    def greet(url: str) -> None:
        print(f"open at {url}", file=console.file, flush=True)

    return play_each(load, [(SocketRoom(load, greet), "the server")], 2, console)


def play_each(
    load: Load,
    rooms: Sequence[tuple[ThreadedRoom | AsyncioRoom | SocketRoom, str]],
    interruptions: int,
    console: Console,
) -> list[Outcome]:
    """Play the load in one room after the other, unless interrupted."""
    outcomes: list[Outcome] = []
    with Interrupt(interruptions) as interrupt:
        for room, name in rooms:
            with LiveDisplay(console, load.title, name, load.seconds) as live:
                outcomes.append(room.run(lambda: interrupt.count, live.show))
            if interrupt.count:
                break
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status."""
    options = parse_arguments(arguments)
    console = Console(highlight=False)
    try:
        load = make_load(options)
        outcomes = play(load, options, console)
    except OSError as error:
        return fail(f"{error.filename or options.recording}: {error.strerror or error}", USAGE)
    except RecordingError as error:
        return fail(str(error), USAGE)
    except (UnavailableError, TooManyThreadsError, ServerError) as error:
        return fail(str(error), WRONG)
    except KeyboardInterrupt:
        return fail("interrupted", INTERRUPTED)
    console.print(table(outcomes, f"{load.title}, {load.seconds:.1f} s of load"))
    for problem in problems(outcomes):
        print(f"room.py: {problem}", file=sys.stderr)
    if not all(outcome.is_right for outcome in outcomes):
        return WRONG
    return INTERRUPTED if any(outcome.interrupted for outcome in outcomes) else OK


def fail(why: str, status: int) -> int:
    """Say on one line why there is no result."""
    print(f"room.py: error: {why}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
