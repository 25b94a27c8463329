"""What a package ships beside our own code: a licence list, the copyright files, an SBOM (SPDX 2.3 JSON).

Facts are those of dpkg about the package that each shipped library's file belongs to, in --root's
database where it has one (a cross root), else in this machine's. Licences are named in the table below
after those packages' copyright files, which are shipped as they are; a package that the table lacks is
an error, so that nothing leaves without its licence. The time stamp is SOURCE_DATE_EPOCH.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import uuid

# Package (without the digits and dots of its ABI) -> SPDX licence of what we link or copy of it.
LICENCES = {
    "libc": "LGPL-2.1-or-later",
    "libc-dev": "LGPL-2.1-or-later",
    "libstdc++": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgcc-s": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libatomic": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libhwloc": "BSD-3-Clause",
    "libudev": "LGPL-2.1-or-later",
    "libcap": "BSD-3-Clause OR GPL-2.0-only",
    "libpapi": "BSD-3-Clause",
    "libpfm": "MIT",
    "libfmt": "MIT",
    "libbenchmark": "Apache-2.0",
    "libboost-program-options": "BSL-1.0",
    "libboost-dev": "BSL-1.0",
    "libhwy": "Apache-2.0",
    "libhwy-dev": "Apache-2.0",
    "libdnnl": "Apache-2.0",
    "libblis-serial-dev": "BSD-3-Clause",
    "ocl-icd-libopencl": "BSD-2-Clause",
    "libeigen-dev": "MPL-2.0",
    "nlohmann-json-dev": "MIT",
    "libjs-chart.js": "MIT",
}
# Not seen in the programs' lists of libraries: headers, a script, what the launcher links.
COMPILED_IN = ["libeigen3-dev", "nlohmann-json3-dev", "libhwy-dev", "libjs-chart.js"]
COMPILED_IN_ON_ARM = ["libblis-serial-dev"]  # the option WITH_BLIS
NAME, OUR_LICENCE = "memory_benchmark", "MIT"


def licence_of(package):
    plain = re.sub(r"debian$|t64$", "", package)
    plain = re.sub(r"[0-9][0-9.]*", "", plain)
    if package not in LICENCES and plain not in LICENCES:
        sys.exit(f"shipped: the licence of {package} ({plain}) is not in the table of {__file__}")
    return LICENCES.get(package, LICENCES.get(plain))


def databases(root):
    own = pathlib.Path(root) / "var/lib/dpkg"
    return [own] if root == pathlib.Path("/") or not own.exists() else [own, pathlib.Path("/var/lib/dpkg")]


def query(database, *arguments):
    return subprocess.run(["dpkg-query", f"--admindir={database}", *arguments], capture_output=True,
                          text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})


def owner_of(root, file):
    """The package that a file belongs to; /usr/lib and /lib may be one folder under two names."""
    path = "/" + str(file.relative_to(root))
    other = path.removeprefix("/usr") if path.startswith("/usr/lib") else "/usr" + path
    for database in databases(root):
        for name in (path, other):
            found = query(database, "-S", name)
            if found.returncode == 0:
                return found.stdout.split(":")[0]
    sys.exit(f"shipped: {file} belongs to no package that dpkg knows")


def facts_of(root, package):
    fields = ["Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage"]
    shown = "\\t".join("${" + field + "}" for field in fields) + "\\n"
    for database in databases(root):
        found = query(database, "-W", "-f", shown, package)
        if found.returncode == 0 and found.stdout.strip():
            return dict(zip(fields, found.stdout.splitlines()[0].split("\t")))
    sys.exit(f"shipped: dpkg knows no package {package}")


def compiled_in(root):
    arm = facts_of(root, "libc6")["Architecture"] == "arm64"
    return COMPILED_IN + (COMPILED_IN_ON_ARM if arm else [])


def copyright_file(root, package):
    for base in (pathlib.Path(root), pathlib.Path("/")):
        file = base / "usr/share/doc" / package / "copyright"
        if file.exists():
            return file
    sys.exit(f"shipped: {package} has no copyright file")


def common_licences(root, texts):
    """Debian's copyright files point to texts that other systems lack: name -> file."""
    found = {}
    for text in texts:
        for name in re.findall(r"/usr/share/common-licenses/([A-Za-z0-9-]+(?:\.[0-9]+)?)", text):
            for base in (pathlib.Path(root), pathlib.Path("/")):
                file = base / "usr/share/common-licenses" / name
                if file.exists():
                    found[name] = file
    return found


def digest(file, kind):
    return hashlib.new(kind, file.read_bytes()).hexdigest()


def entry(facts, how):
    package = facts["Package"]
    return {
        "SPDXID": "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", package),
        "name": package,
        "versionInfo": facts["Version"],
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "homepage": facts["Homepage"] or "NOASSERTION",
        "sourceInfo": f"Debian source package {facts['source:Package']} {facts['source:Version']}",
        "licenseConcluded": licence_of(package),
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "comment": how,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{package.replace('+', '%2B')}@{facts['Version']}"
                                f"?arch={facts['Architecture']}",
        }],
    }


def sbom(packages, folder, excluded, version, relation):
    """The SPDX document of the files in `folder` and the third-party packages [(facts, how)]."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    stamp = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    files = [{
        "SPDXID": f"SPDXRef-File-{index}",
        "fileName": "./" + str(file.relative_to(folder)),
        "checksums": [{"algorithm": kind.upper(), "checksumValue": digest(file, kind)}
                      for kind in ("sha1", "sha256")],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    } for index, file in enumerate(sorted(folder.rglob("*")))
        if file.is_file() and not file.is_symlink() and file != excluded]
    sums = "".join(sorted(file["checksums"][0]["checksumValue"] for file in files))
    third = [entry(facts, how) for facts, how in packages]
    ours = {
        "SPDXID": "SPDXRef-Package-" + NAME.replace("_", "-"),
        "name": NAME,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": hashlib.sha1(sums.encode()).hexdigest(),
            "packageVerificationCodeExcludedFiles": ["./" + str(excluded.relative_to(folder))],
        },
        "licenseConcluded": OUR_LICENCE,
        "licenseDeclared": OUR_LICENCE,
        "licenseInfoFromFiles": ["NOASSERTION"],
        "copyrightText": "Copyright (c) 2026 The memory_benchmark authors",
    }
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", ours["SPDXID"])]
    relations += [(ours["SPDXID"], relation(how), one["SPDXID"])
                  for one, (_, how) in zip(third, packages)]
    relations += [(ours["SPDXID"], "CONTAINS", file["SPDXID"]) for file in files]
    body = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{NAME}-{version}",
        "creationInfo": {"created": stamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: memory_benchmark-shipped.py"]},
        "packages": [ours, *third],
        "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }
    unique = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    body["documentNamespace"] = f"urn:uuid:{unique}"
    return json.dumps(body, indent=1) + "\n"


def write_list(packages, file, version):
    rows = [f"| {facts['Package']} {facts['Version']} | {licence_of(facts['Package'])} "
            f"| {facts['source:Package']} {facts['source:Version']} | {how} |"
            for facts, how in packages]
    file.write_text("\n".join([
        f"# What {NAME} {version} ships of others", "",
        "Our own code is under the MIT licence (LICENSE). The libraries below are Debian's, unchanged;",
        "their copyright files are in `third_party`, the licences those name in `third_party/licences`.",
        "Their sources are Debian's source packages of the versions named. A library is replaced by",
        "putting another build of the same name into `lib`.", "",
        "| package | licence | source package | what is shipped |", "|---|---|---|---|", *rows, ""]))


def write_documents(root, libraries, out, documents, version):
    """For a relocatable package: licence list, copyright files and SBOM into `documents`."""
    carried = {}
    for name, file in sorted(libraries.items()):
        carried.setdefault(owner_of(root, file), []).append(f"lib/{name}")
    packages = [(facts_of(root, package), ", ".join(names)) for package, names in sorted(carried.items())]
    packages += [(facts_of(root, package), "compiled in") for package in compiled_in(root)]
    texts = []
    for facts, _ in packages:
        file = copyright_file(root, facts["Package"])
        target = documents / "third_party" / f"{facts['Package']}.copyright"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        texts.append(target.read_text(errors="replace"))
    for name, file in sorted(common_licences(root, texts).items()):
        target = documents / "third_party/licences" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    write_list(packages, documents / "THIRD_PARTY.md", version)
    target = documents / f"{NAME}.spdx.json"
    target.write_text(sbom(packages, out, target, version, lambda how: "CONTAINS"))


def write_system_sbom(root, libraries, out, target, version):
    """For a package that leaves its libraries to the system: what is compiled in, what it depends on."""
    linked = {owner_of(root, file) for file in libraries.values()}
    packages = [(facts_of(root, package), "linked, not shipped") for package in sorted(linked)]
    packages += [(facts_of(root, package), "compiled in") for package in compiled_in(root)]
    target.write_text(sbom(packages, out, target, version, lambda how:
                           "CONTAINS" if how == "compiled in" else "DYNAMIC_LINK"))
