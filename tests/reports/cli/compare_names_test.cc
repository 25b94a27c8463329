// Short names of documents, and prices by them.
#include "reports/cli/compare_names.h"

#include <gmock/gmock.h>

#include "data/error.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CompareNames, AreFilesOrFoldersAndNeverAlike) {
  EXPECT_THAT(short_names({"x/a.json", "b.json"}), ElementsAre("a", "b"));
  EXPECT_THAT(short_names({"small/results.json", "large/results.json", "c.json"}),
              ElementsAre("small", "large", "c"));
  EXPECT_THAT(short_names({"x/results.json", "x/results.json"}), ElementsAre("x", "x 2"));
}

TEST(CompareNames, APriceNamesItsDocument) {
  const std::vector<std::string> names{"a", "b=c"};
  EXPECT_EQ(parse_price("a=0.68/h", names).per_hour, 0.68);
  EXPECT_EQ(parse_price("b=c=2", names).name, "b=c");
  for (const char* wrong : {"0.68/h", "a=", "a=-1/h", "a=1/d", "d=1/h", "a=nan"}) {
    EXPECT_THROW(parse_price(wrong, names), Error) << wrong;
  }
  try {
    parse_price("d=1/h", names);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'d' is none of the documents: a, b=c"));
  }
}

}  // namespace
}  // namespace mb
