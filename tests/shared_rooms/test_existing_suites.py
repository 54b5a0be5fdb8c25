"""The tests of multi-views, views, prefixes, publishers and catching up, run on shared rooms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import PATIENCE

TESTS = Path(__file__).parents[1]

SUITES = [
    "publishers/test_catching_up.py",
    "publishers/test_publishers.py",
    "publishers/test_single_keys.py",
    "publishers/test_without.py",
    "drop_in/test_multi_view.py",
    "drop_in/test_prefixes.py",
    "drop_in/test_views.py",
]

NOT_ENCODABLE = "it is about values that no message can have, or about which object they are"
OTHER_ERRORS = "it is about the order of keys in an error, or what is known of removed keys"
ONE_PROCESS = "it is about what one process does at once"
MEDDLING = "it is about arguments that change while they are read"

EXCEPT = {
    "test_the_last_removed_keys_are_remembered_and_no_values": NOT_ENCODABLE,
    "test_values_are_released_with_the_publisher": NOT_ENCODABLE,
    "test_a_multi_view_that_holds_its_publisher_is_collected": NOT_ENCODABLE,
    "test_a_key_is_looked_up": NOT_ENCODABLE,
    "test_looking_up_keeps_nothing": NOT_ENCODABLE,
    "test_values_of_other_keys_are_not_kept": NOT_ENCODABLE,
    "test_setting_the_same_value_again_is_a_change": NOT_ENCODABLE,
    "test_values_are_kept_by_reference": NOT_ENCODABLE,
    "test_what_has_changed_is_a_conflict": OTHER_ERRORS,
    "test_what_is_not_known_is_a_conflict": OTHER_ERRORS,
    "test_publishers_and_their_keys_are_counted": OTHER_ERRORS,
    "test_dropping_one_within_an_update_of_the_same_multi_view": ONE_PROCESS,
    "test_whoever_is_yet_to_follow_without_it_does_not_keep_it": ONE_PROCESS,
    "test_arguments_that_change_while_the_others_are_read_are_checked_as_they_are_then": MEDDLING,
    "test_it_can_be_subclassed": ONE_PROCESS,
    "test_the_classes_can_be_extended": ONE_PROCESS,
    "test_what_is_removed_by_the_publisher_is_not_kept_for_a_view_without_it": ONE_PROCESS,
}


@pytest.mark.timeout(400 * PATIENCE)
def test_they_pass_on_shared_rooms_too(shared_server):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "on_redis", "--quiet"),
            f"--timeout={60 * PATIENCE}",
            *("-p", "no:cacheprovider", "-p", "no:xdist"),
            *("--deselect=" + each for each in deselected()),
            *SUITES,
        ],
        cwd=TESTS,
        env={
            **os.environ,
            "ON_REDIS": shared_server.url,
            "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parent, TESTS))),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=380 * PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:]
    passed = int(result.stdout.rpartition(" passed")[0].rpartition("\n")[2].split()[0])
    assert passed > 240


def deselected():
    for suite in SUITES:
        text = (TESTS / suite).read_text(encoding="utf-8")
        for name in EXCEPT:
            if f"def {name}(" in text:
                yield f"tests/{suite}::{name}"


def test_what_is_left_out_is_there():
    texts = [(TESTS / suite).read_text(encoding="utf-8") for suite in SUITES]
    for name in EXCEPT:
        assert any(f"def {name}(" in text for text in texts), name
