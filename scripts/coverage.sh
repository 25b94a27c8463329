#!/usr/bin/env bash
# Lines and branches that the unit tests reach, by gcovr: a table a room; below the bars it fails.
# Judged are the rooms whose figures people trust: 95 % of lines, 90 % of branches. The others are told.
#   scripts/coverage.sh            pages of every file: build/coverage/index.html
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v gcovr >/dev/null || { echo "coverage needs gcovr: apt install gcovr" >&2; exit 4; }
judged=(data/documents probes/core reports/model reports/advice)
told=(data/system data/plan probes/campaign)
programs=(data_documents_test data_system_test data_plan_test probes_core_test probes_counters_test
          reports_model_test reports_advice_test probes_campaign_test)
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset coverage "${launcher[@]}" >/dev/null
cmake --build --preset coverage --target "${programs[@]}" fake_probe
find build/coverage -name '*.gcda' -delete  # what earlier runs reached
printf '%s\n' "${programs[@]}" |
  xargs -P 2 -I{} sh -c 'cd build/coverage && bin/{} --gtest_brief=1 >{}.log 2>&1 || { cat {}.log; exit 1; }'
filters=()
for room in "${judged[@]}" "${told[@]}"; do filters+=(--filter "$room/"); done
gcovr --root . --object-directory build/coverage "${filters[@]}" \
  --exclude-unreachable-branches --exclude-throw-branches \
  --html-details build/coverage/index.html --txt build/coverage/coverage.txt \
  --json-summary build/coverage/coverage.json
python3 - "${judged[@]}" -- "${told[@]}" <<'EOF'
import json, sys

LEAST = {"line": 95, "branch": 90}  # percent; docs/reliability.md, Q2
files = json.load(open("build/coverage/coverage.json"))["files"]
rooms = sys.argv[1:]
short = False
for place, room in enumerate(rooms):
    if room == "--":
        continue
    cells = [f"{room:16}"]
    for what, least in LEAST.items():
        inside = [file for file in files if file["filename"].startswith(room + "/")]
        covered, total = (sum(file[f"{what}_{end}"] for file in inside) for end in ("covered", "total"))
        share = 100 * covered / total if total else 0
        below = share < least and place < rooms.index("--")
        short |= below
        cells.append(f"{what} {covered:5} of {total:5} {share:5.1f} %" + (" too few" if below else ""))
    print("  ".join(cells))
sys.exit(short)
EOF
