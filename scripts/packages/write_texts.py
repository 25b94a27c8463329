#!/usr/bin/env python3
"""Writes the manual page and the bash completion out of what the programs say of themselves (--help).

  write_texts.py build/dev/bin/memory_benchmark           writes both files beside this script
  write_texts.py build/dev/bin/memory_benchmark --check   exit 1 when they are not what it would write

Both are committed, so that a cross-built package needs no emulator; a test runs --check.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "memory_benchmark"
VALUES = {  # flags whose value is one of a list, and where the list is
    "--format": "formats", "--engine": "engines", "--model": "models", "--preset": "presets"}


def say(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def read_commands(text):
    """[(name, arguments, summary)] of the table in --help."""
    table = text.split("Commands", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    rows = []
    for line in table:
        usage, summary = re.match(r"  (.{34}|\S.*?\S {2,})(.*)", line).groups()
        name, _, arguments = usage.strip().partition(" ")
        rows.append((name, arguments, summary.strip()))
    return rows


def read_flags(text):
    """[(flag, value's name, help)] of a subcommand's --help; wrapped lines are joined."""
    flags = []
    for line in text.split("Examples:")[0].splitlines():
        start = re.match(r"  (?:-\w \[ )?(--[a-z][a-z0-9-]*)(?: \])?(?: (\S+))?(?:\s{2,}(.*))?$", line)
        if start:
            flags.append([part or "" for part in start.groups()])
        elif flags and re.match(r" {10,}\S", line):
            flags[-1][2] = f"{flags[-1][2]} {line.strip()}".strip()
    return flags


def first_words(text):
    """The lines between usage and flags."""
    lines = text.split("\n\n")[0].splitlines()[1:]
    return " ".join(line.strip() for line in lines)


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def manual(program):
    top = say(program, "--help")
    commands = read_commands(top)
    version = say(program, "--version").split()[1]
    page = [f'.\\" Written by scripts/packages/{pathlib.Path(__file__).name}; change --help, not this.',
            f'.TH {NAME} 1 "" "{NAME} {version}" "User commands"', ".SH NAME",
            f"{NAME} \\- measure a machine for language\\-model inference on its CPU", ".SH SYNOPSIS",
            f".B {NAME}", "[\\fICOMMAND\\fR] [\\fIflags\\fR]", ".SH DESCRIPTION",
            roff(first_words(top)),
            "Without a command it does the main job, \\fBrun\\fR: it measures for a minute and writes",
            "results.json, recommendation.json, report.html and, where gnuplot is, report.png into a new",
            "folder.", ".SH COMMANDS"]
    for name, arguments, summary in commands:
        page += [f".SS {name} {roff(arguments)}".rstrip(), roff(summary[:1].upper() + summary[1:] + ".")]
        for flag, value, words in read_flags(say(program, name, "--help")):
            page += [".TP", f"\\fB{roff(flag)}\\fR" + (f" \\fI{roff(value)}\\fR" if value else ""),
                     roff(words or "see above")]
    page += [".SH PROBES",
             f"Programs of their own, started by \\fB{NAME} probe\\fR \\fINAME\\fR; flags of Google",
             "Benchmark pass through."]
    for line in say(program, "probe", "--list").splitlines():
        name, words = line.split(maxsplit=1)
        page += [".TP", f"\\fB{name}\\fR", roff(words)]
    page += [".SH EXIT STATUS", "0 good, 1 failure, 2 usage, 3 no resource, 4 not available here,",
             "5 interrupted, 7 measured but not trustworthy.", ".SH EXAMPLES", ".nf"]
    page += [roff(line[2:]) for line in top.split("Examples:\n")[1].split("\n\n")[0].splitlines()]
    page += [".fi", ".SH SEE ALSO", "gnuplot(1), lstopo(1)", ""]
    return "\n".join(page)


def completion(program):
    commands = read_commands(say(program, "--help"))
    probes = [line.split()[0] for line in say(program, "probe", "--list").splitlines()]
    formats = [line.split()[0] for line in say(program, "recommend", "--format", "list").splitlines()
               if line.strip()]
    lists = {"formats": formats, "probes": probes, "presets": ["chat", "rag", "tool", "batch"],
             "engines": sorted(file.stem for file in (ROOT / "data/engines").glob("*.json")),
             "models": sorted(file.stem for file in (ROOT / "data/models").glob("*.json"))}
    cases, run_flags = [], []
    for name, _, _ in commands:
        flags = [flag for flag, _, _ in read_flags(say(program, name, "--help"))]
        if name == "run":
            run_flags = flags
        cases.append(f'    {name}) flags="{" ".join(sorted(set(flags) | {"--help"}))}" ;;')
    values = [f'    {flag}) words="{" ".join(lists[key])}" ;;' for flag, key in VALUES.items()]
    return "\n".join([
        f"# bash completion for {NAME}: commands, flags, the values of some; files for all else.",
        f"# Written by scripts/packages/{pathlib.Path(__file__).name}.",
        f"_{NAME}() {{",
        '  local current="${COMP_WORDS[COMP_CWORD]}" before="" flags words="" i command=""',
        "  ((COMP_CWORD > 0)) && before=\"${COMP_WORDS[COMP_CWORD - 1]}\"",
        "  for ((i = 1; i < COMP_CWORD; ++i)); do",
        '    [[ "${COMP_WORDS[i]}" == -- ]] && return  # a command of the user\'s own follows',
        '    [[ -z "$command" && $i -eq 1 && "${COMP_WORDS[i]}" != -* ]] && command="${COMP_WORDS[i]}"',
        "  done",
        '  case "$before" in', *values, "  esac",
        '  if [[ -n "$words" ]]; then',
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "    return",
        "  fi",
        '  case "$command" in', *cases,
        f'    "") flags="{" ".join(sorted(set(run_flags) | {"--help", "--version"}))}" ;;',
        '    *) flags="" ;;', "  esac",
        '  if [[ "$current" == -* ]]; then',
        '    COMPREPLY=($(compgen -W "$flags" -- "$current"))',
        "  elif ((COMP_CWORD == 1)); then",
        f'    COMPREPLY=($(compgen -W "{" ".join(name for name, _, _ in commands)} help" -- "$current"))',
        '  elif [[ "$command" == probe ]] && ((COMP_CWORD == 2)); then',
        f'    COMPREPLY=($(compgen -W "{" ".join(probes)}" -- "$current"))',
        "  fi", "}", f"complete -o default -F _{NAME} {NAME}", ""])


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    texts = {HERE / f"{NAME}.1": manual(program), HERE / "completion.bash": completion(program)}
    if "--check" in sys.argv[2:]:
        stale = [file.name for file, text in texts.items() if not file.exists() or file.read_text() != text]
        if stale:
            sys.exit(f"{', '.join(stale)}: not what the programs say; "
                     f"run scripts/packages/write_texts.py build/<preset>/bin/{NAME}")
        return
    for file, text in texts.items():
        file.write_text(text)


if __name__ == "__main__":
    main()
