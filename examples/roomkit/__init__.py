"""The parts of the room demo, one idea to a file.

=================  ==============================================================
load               what happens when: records to publish, visits to make
avatars            the synthetic room as a load
recording          a file as records, whatever its format
json_lines         ... the format of the recordings that people write themselves
nanover_zip        ... NanoVer's own
records            decoded data as records, and what is wrong with them
clients            what a publisher and a follower do with one change
measure            what is measured, and how
session            the state of a run
threads            a driver: plays a load with threads
tasks              another: plays it with asyncio tasks, in one thread
interrupt          Ctrl-C as a request instead of an exception
report             the live display and the table
implementations    the module and the plain-Python model behind one interface
=================  ==============================================================

Only the drivers know how clients are run; everything else is the same for both.
"""
