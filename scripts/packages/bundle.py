#!/usr/bin/env python3
"""Lays out a relocatable package: the built programs with loader, libc and every library they need.

  bin/memory_benchmark, libexec/memory_benchmark/*   the launcher and links to it
  lib/programs, lib/loader, lib/*.so*                programs, loader, libraries (see launcher.cc)
  share/man, share/bash-completion, share/doc        texts, licences, SBOM

Libraries are followed by what each file says it needs (readelf), not by running anything, so that a
cross-built package is made the same way: --root is where the target's libraries lie ("/" here).
What is needed and not found is an error. Prints nothing when all is well.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import shipped  # noqa: E402

LAUNCHED = "memory_benchmark"


def read_dynamic(readelf, file):
    """Names that the file needs and its loader ('' for a library)."""
    text = subprocess.run([readelf, "-d", "-l", "-W", file], check=True, capture_output=True,
                          text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}).stdout
    needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", text)
    loader = re.search(r"program interpreter: (.+?)\]", text)
    return needed, loader.group(1) if loader else ""


def find_library(root, triplet, name):
    for folder in (f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib", "lib", "lib64"):
        file = root / folder / name
        if file.exists():
            return file.resolve()
    sys.exit(f"bundle: {name} is in none of {root}'s library folders; install its package there")


def collect(readelf, programs, root, triplet):
    """(name -> file of each library, name of the loader)"""
    libraries, loaders, todo = {}, set(), list(programs)
    while todo:
        needed, loader = read_dynamic(readelf, todo.pop())
        if loader:
            loaders.add(pathlib.PurePath(loader).name)
        for name in [*needed, *loaders]:
            if name not in libraries:
                libraries[name] = find_library(root, triplet, name)
                todo.append(libraries[name])
    if len(loaders) != 1:
        sys.exit(f"bundle: the programs name {len(loaders)} loaders, not one")
    return libraries, loaders.pop()


def copy(source, target, mode):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def built(options):
    return [options.build / "bin" / name for name in sorted(options.programs)]


def lay_out(options):
    programs = built(options)
    libraries, loader = collect(options.readelf, programs, options.root, options.triplet)
    out = options.out
    for name, file in sorted(libraries.items()):
        copy(file, out / "lib" / name, 0o755 if name == loader else 0o644)
    (out / "lib/loader").mkdir()
    (out / "libexec" / LAUNCHED).mkdir(parents=True)
    copy(options.launcher, out / "bin" / LAUNCHED, 0o755)
    subprocess.run([options.strip, out / "bin" / LAUNCHED], check=True)
    for file in programs:
        copy(file, out / "lib/programs" / file.name, 0o755)
        subprocess.run([options.strip, out / "lib/programs" / file.name], check=True)
        (out / "lib/loader" / file.name).symlink_to(f"../{loader}")
        if file.name != LAUNCHED:
            (out / "libexec" / LAUNCHED / file.name).symlink_to(f"../../bin/{LAUNCHED}")
    return libraries


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--launcher", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"))
    parser.add_argument("--triplet", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--readelf", default="readelf")
    parser.add_argument("--strip", default="strip")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--sbom-only", type=pathlib.Path, help="only an SBOM of --out, into this file")
    options = parser.parse_args()
    if options.sbom_only:
        libraries, _ = collect(options.readelf, built(options), options.root, options.triplet)
        shipped.write_system_sbom(options.root, libraries, options.out, options.sbom_only,
                                  options.version)
        return
    libraries = lay_out(options)
    documents = options.out / "share/doc" / LAUNCHED
    documents.mkdir(parents=True, exist_ok=True)
    shipped.write_documents(options.root, libraries, options.out, documents, options.version)


if __name__ == "__main__":
    main()
