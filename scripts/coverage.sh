#!/usr/bin/env bash
# Lines and branches that the unit tests reach, by gcovr, in the rooms whose suite is judged by it
# (statistics, noise, limits, documents, model, advice). Page: build/coverage/index.html
#   scripts/coverage.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v gcovr >/dev/null || { echo "coverage needs gcovr: apt install gcovr" >&2; exit 4; }
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset coverage "${launcher[@]}" >/dev/null
programs=(data_documents_test data_system_test data_plan_test probes_core_test reports_model_test
          reports_advice_test probes_campaign_test)
cmake --build --preset coverage --target "${programs[@]}" fake_probe
find build/coverage -name '*.gcda' -delete
for program in "${programs[@]}"; do
  (cd build/coverage && "bin/$program" --gtest_brief=1)
done
gcovr --root . --object-directory build/coverage \
  --filter data/documents/ --filter data/system/ --filter data/plan/ --filter probes/core/ \
  --filter probes/campaign/ --filter reports/model/ --filter reports/advice/ \
  --exclude-unreachable-branches --exclude-throw-branches \
  --html-details build/coverage/index.html --txt build/coverage/coverage.txt --print-summary
