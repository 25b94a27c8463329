#!/usr/bin/env bash
# What Debian's policy wants besides: both changelogs, and the manual page compressed, without times.
#   debian_documents.sh VERSION SHARE_FOLDER
set -euo pipefail
version="$1" share="$2"
source_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
documents="$share/doc/memory-benchmark"
mkdir -p "$documents"
gzip -9n <"$source_folder/CHANGELOG.md" >"$documents/changelog.gz"
gzip -9n >"$documents/changelog.Debian.gz" <<END
memory-benchmark ($version-1) unstable; urgency=low

  * Package of memory_benchmark $version; its changes are in changelog.gz.

 -- The memory_benchmark authors <authors@memory-benchmark.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9nf "$share/man/man1/memory_benchmark.1"
find "$share" -type f -exec chmod 644 {} +
