"""The commands of docs/machines.md: the command line takes each, and the script of the array says what it should."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from meta_models.cli import build_parser

PAGE = (Path(__file__).parents[1] / "docs/machines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_rules_call_commands_that_are_there() -> None:
    (rules,) = [text for language, text in BLOCKS if language == "python"]
    commands = [shlex.split(command) for command in re.findall(r'shell: "(.*)"', rules)]
    filled = [[word.replace("{wildcards.i}", "3").replace("{threads}", "8") for word in words] for words in commands]
    found = [vars(build_parser().parse_args(words[1:])) for words in filled]
    assert [words[1] for words in filled] == ["train", "unit", "train"]
    assert (found[0]["plan_only"], found[1]["which"], found[2]["resume"]) == (True, "3/16", True)
    assert found[0]["out_dir"] == found[2]["out_dir"] == str(found[1]["run"])


def test_the_script_of_the_array(tmp_path: Path) -> None:
    (script,) = [text for _, text in BLOCKS if text.startswith("#!/bin/bash\n#SBATCH --array")]
    assert len(script.splitlines()) <= 8
    program = tmp_path / "meta-models"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16"}
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script], env={**slurm, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["unit", "results/big", "3/16"]
    assert build_parser().parse_args(done.stdout.split()).which == "3/16"


def test_what_is_wrapped_for_the_batch_system_is_a_command() -> None:
    wrapped = [command for _, text in BLOCKS for command in re.findall(r'--wrap "(.*)"', text)]
    assert [build_parser().parse_args(shlex.split(command)[1:]).resume for command in wrapped] == [True]
